/** Age ratings of artworks, and the limits that are held against them. The systems are those of `keyart/catalog/ratings.py`. */

/** An age rating: place of its system (1 for a plain age), place in the system's order, and age in years. */
export interface Rating {
  readonly system: number;
  readonly rank: number;
  readonly age: number;
}

type Step = readonly [names: readonly string[], age: number];
const BARE_MPA = ["G", "PG", "PG-13", "R", "NC-17"];

function ages(...steps: number[]): Step[] {
  return steps.map((age) => [[String(age)], age]);
}

// Prefix, steps from the mildest on, and the names that stand without the prefix, too.
const SYSTEMS: readonly (readonly [prefix: string, steps: readonly Step[], bare: readonly string[]])[] = [
  ["MPA ", [[["G"], 0], [["PG"], 10], [["PG-13"], 13], [["R"], 17], [["NC-17"], 18]], BARE_MPA],
  ["TV-", [[["Y"], 0], [["Y7"], 7], [["Y7-FV"], 7], [["G"], 0], [["PG"], 10], [["14"], 14], [["MA"], 17]], []],
  ["FSK ", ages(0, 6, 12, 16, 18), []],
  ["BBFC ", [[["U"], 4], [["PG"], 8], [["12A", "12"], 12], [["15"], 15], [["18"], 18], [["R18"], 18]], ["U", "12A", "R18"]],
  ["PEGI ", ages(3, 7, 12, 16, 18), []],
];
const BY_NAME = byName();

/** Return the rating of a text such as "13+", "PG-13" or "FSK 12", or null if no system here has it. */
export function ratingOf(maturity: string): Rating | null {
  const text = maturity.trim().toLowerCase();
  if (text === "all") return { system: 1, rank: 0, age: 0 };
  const plain = /^(\d{1,3})\+?$/.exec(text);
  if (plain) return { system: 1, rank: Number(plain[1]), age: Number(plain[1]) };
  return BY_NAME.get(folded(text)) || null;
}

/** Return whether a limit allows a rating: within a system by its own order, across systems by age. */
export function isWithin(rating: Rating | null, limit: Rating): boolean {
  const { system, rank, age } = rating || { system: 0, rank: 0, age: 0 };
  return system === limit.system ? rank <= limit.rank : age <= limit.age;
}

function folded(name: string): string {
  return name.toLowerCase().replace(/[-\s]+/g, "");
}

function byName(): Map<string, Rating> {
  const found = new Map<string, Rating>();
  SYSTEMS.forEach(([prefix, steps, bare], place) =>
    steps.forEach(([names, age], rank) =>
      names.forEach((name) => {
        const rating = { system: place + 2, rank, age };
        found.set(folded(prefix + name), rating);
        if (bare.indexOf(name) >= 0) found.set(folded(name), rating);
      }),
    ),
  );
  return found;
}
