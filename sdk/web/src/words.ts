/**
 * The sentences of explanations, by language, and what a viewer is asked. Written by `make locale` from the Python
 * SDK: change them there.
 */

/** The words of one language: messages, and the names of kinds, one and several. */
export interface Words {
  readonly messages: Readonly<Record<string, string>>;
  readonly kinds: Readonly<Record<string, readonly string[]>>;
}

export const WORDS: Readonly<Record<string, Words>> = {
 "de": {
  "messages": {
   "age-limit": "Kein Bild dieses Titels liegt innerhalb der Altersgrenze, die hier gilt.",
   "only-picture": "Es ist das einzige Bild dieses Titels, das hier gezeigt werden darf.",
   "exploration": "Es wurde gezogen, um zu sehen, wie es ankommt; ein anderes Bild hätte besser gepasst.",
   "no-model": "Über die Bilder ist noch nichts bekannt: Sie werden ausgelost, und nur dieses Gerät lernt dazu.",
   "no-difference": "Das nächstbeste Bild passt hier genauso gut.",
   "intent.more": "Es entspricht eher dem, wonach Sie gerade gefragt haben.",
   "intent.less": "Es entspricht weniger dem, wonach Sie gerade gefragt haben.",
   "appeal.more": "Genau dieses Bild hat mehr Menschen zum Abspielen gebracht.",
   "appeal.less": "Genau dieses Bild hat weniger Menschen zum Abspielen gebracht.",
   "promise.more": "Was mit diesem Bild begonnen wird, wird seltener abgebrochen.",
   "promise.less": "Was mit diesem Bild begonnen wird, wird häufiger abgebrochen.",
   "you.more": "Sie haben zuletzt Titel abgespielt, die mit ähnlichen Bildern gezeigt wurden.",
   "you.less": "Sie haben zuletzt Titel übergangen, die mit ähnlichen Bildern gezeigt wurden.",
   "picture.more": "Sie haben schon abgespielt, was mit genau diesem Bild gezeigt wurde.",
   "picture.less": "Sie haben genau dieses Bild schon übergangen.",
   "picture.rival.more": "Sie haben schon abgespielt, was mit dem nächstbesten Bild gezeigt wurde.",
   "picture.rival.less": "Sie haben das nächstbeste Bild schon übergangen.",
   "others.more": "Wer Ähnliches schaut wie Sie, spielt damit häufiger ab.",
   "others.less": "Wer Ähnliches schaut wie Sie, spielt damit seltener ab.",
   "history.more": "{kinds}: Es zeigt mehr von dem, was Sie schauen.",
   "history.less": "{kinds}: Es zeigt weniger von dem, was Sie schauen.",
   "history.any.more": "Es zeigt mehr von dem, was Sie schauen.",
   "history.any.less": "Es zeigt weniger von dem, was Sie schauen.",
   "content.more": "{kind}: Es sagt mehr darüber aus.",
   "content.less": "{kind}: Es sagt weniger darüber aus.",
   "content.any.more": "Es sagt mehr über den Titel aus.",
   "content.any.less": "Es sagt weniger über den Titel aus.",
   "title.more": "{kinds}: Das Bild ist näher am Titel.",
   "title.less": "{kinds}: Das Bild ist weiter vom Titel entfernt.",
   "title.any.more": "Was es zeigt, ist näher am Titel.",
   "title.any.less": "Was es zeigt, ist weiter vom Titel entfernt.",
   "history.look.more": "Es sieht dem ähnlicher, was Sie schauen.",
   "history.look.less": "Es sieht dem weniger ähnlich, was Sie schauen.",
   "content.look.more": "Es fällt mehr auf.",
   "content.look.less": "Es fällt weniger auf.",
   "title.look.more": "Es sieht dem Titel ähnlicher.",
   "title.look.less": "Es sieht dem Titel weniger ähnlich.",
   "statement.like": "Sie haben gesagt, dass Sie das mögen: {tag}.",
   "statement.dislike": "Sie haben gesagt, dass Sie das nicht mögen: {tag}.",
   "statement.like.rival": "Sie haben gesagt, dass Sie das mögen: {tag}. Das nächstbeste Bild zeigt mehr davon.",
   "statement.dislike.rival": "Sie haben gesagt, dass Sie das nicht mögen: {tag}. Das nächstbeste Bild zeigt mehr davon.",
   "taste.same": "Wer Ähnliches schaut wie Sie, sieht keinen Unterschied.",
   "taste.more": "Wer Ähnliches schaut wie Sie, mag eher: {tag}.",
   "taste.less": "Wer Ähnliches schaut wie Sie, mag weniger: {tag}.",
   "taste.more.rival": "Wer Ähnliches schaut wie Sie, mag eher: {tag}, wie auf dem nächstbesten Bild.",
   "taste.less.rival": "Wer Ähnliches schaut wie Sie, mag weniger: {tag}, wie auf dem nächstbesten Bild.",
   "context.same": "{device} sehen Menschen {time} keinen Unterschied.",
   "context.more": "{device} mögen Menschen {time} eher: {tag}.",
   "context.less": "{device} mögen Menschen {time} weniger: {tag}.",
   "context.more.rival": "{device} mögen Menschen {time} eher: {tag}, wie auf dem nächstbesten Bild.",
   "context.less.rival": "{device} mögen Menschen {time} weniger: {tag}, wie auf dem nächstbesten Bild.",
   "everybody.same": "Die meisten Menschen sehen keinen Unterschied.",
   "everybody.more": "Die meisten Menschen mögen eher: {tag}.",
   "everybody.less": "Die meisten Menschen mögen weniger: {tag}.",
   "everybody.more.rival": "Die meisten Menschen mögen eher: {tag}, wie auf dem nächstbesten Bild.",
   "everybody.less.rival": "Die meisten Menschen mögen weniger: {tag}, wie auf dem nächstbesten Bild.",
   "device.tv": "Am Fernseher",
   "device.phone": "Am Telefon",
   "device.tablet": "Am Tablet",
   "device.desktop": "Am Computer",
   "device.other": "An einem Gerät",
   "time.morning": "am Morgen",
   "time.afternoon": "am Nachmittag",
   "time.evening": "am Abend",
   "time.night": "in der Nacht",
   "tag.palette": "Farben: {value}",
   "tag.mood": "Stimmung: {value}",
   "tag.shot": "Einstellungen: {value}",
   "tag.cast": "{value} in der Besetzung",
   "tag.style": "der Stil {value}",
   "tag.theme": "das Thema {value}",
   "tag.director": "Regie: {value}",
   "tag.setting": "Schauplatz: {value}",
   "tag.unnamed": "Bilder dieser Art"
  },
  "kinds": {
   "genre": [
    "Genre",
    "Genres"
   ],
   "mood": [
    "Stimmung",
    "Stimmungen"
   ],
   "palette": [
    "Farbpalette",
    "Farbpaletten"
   ],
   "shot": [
    "Einstellung",
    "Einstellungen"
   ],
   "cast": [
    "Besetzung",
    "Personen"
   ],
   "style": [
    "Stil",
    "Stile"
   ],
   "theme": [
    "Thema",
    "Themen"
   ],
   "director": [
    "Regie",
    "Regie"
   ],
   "setting": [
    "Schauplatz",
    "Schauplätze"
   ]
  }
 },
 "en": {
  "messages": {
   "age-limit": "No picture of this title is within the age limit that holds here.",
   "only-picture": "It is the only picture of this title that may be shown here.",
   "exploration": "It was drawn to find out how people like it; another picture seemed to fit better.",
   "no-model": "Nothing is known about the pictures yet: they are drawn by lot, and only this device learns.",
   "no-difference": "The next best picture fits just as well here.",
   "intent.more": "It answers more of what you asked for just now.",
   "intent.less": "It answers less of what you asked for just now.",
   "appeal.more": "This very picture made more people press play.",
   "appeal.less": "This very picture made fewer people press play.",
   "promise.more": "Plays that start from it are broken off less often.",
   "promise.less": "Plays that start from it are broken off more often.",
   "you.more": "You lately played titles that were shown with pictures like it.",
   "you.less": "You lately passed over titles that were shown with pictures like it.",
   "picture.more": "You played what was shown with this very picture before.",
   "picture.less": "You passed over this very picture before.",
   "picture.rival.more": "You played what was shown with the next best picture before.",
   "picture.rival.less": "You passed over the next best picture before.",
   "others.more": "People who watch what you watch press play on it more often.",
   "others.less": "People who watch what you watch press play on it less often.",
   "history.more": "It shows more of the {kinds} that you watch.",
   "history.less": "It shows fewer of the {kinds} that you watch.",
   "history.any.more": "It shows more of what you watch.",
   "history.any.less": "It shows less of what you watch.",
   "content.more": "It tells more about the {kind}.",
   "content.less": "It tells less about the {kind}.",
   "content.any.more": "It tells more about the title.",
   "content.any.less": "It tells less about the title.",
   "title.more": "Its {kinds} are closer to the title's.",
   "title.less": "Its {kinds} are further from the title's.",
   "title.any.more": "What it shows is closer to the title.",
   "title.any.less": "What it shows is further from the title.",
   "history.look.more": "It looks more like what you watch.",
   "history.look.less": "It looks less like what you watch.",
   "content.look.more": "It stands out more.",
   "content.look.less": "It stands out less.",
   "title.look.more": "It looks more like the title.",
   "title.look.less": "It looks less like the title.",
   "statement.like": "You said that you like {tag}.",
   "statement.dislike": "You said that you do not like {tag}.",
   "statement.like.rival": "You said that you like {tag}, which the next best picture shows more of.",
   "statement.dislike.rival": "You said that you do not like {tag}, which the next best picture shows more of.",
   "taste.same": "People who watch what you watch see no difference.",
   "taste.more": "People who watch what you watch go for {tag}.",
   "taste.less": "People who watch what you watch go less for {tag}.",
   "taste.more.rival": "People who watch what you watch go for {tag}, as in the next best picture.",
   "taste.less.rival": "People who watch what you watch go less for {tag}, as in the next best picture.",
   "context.same": "{device} {time} people see no difference.",
   "context.more": "{device} {time} people go for {tag}.",
   "context.less": "{device} {time} people go less for {tag}.",
   "context.more.rival": "{device} {time} people go for {tag}, as in the next best picture.",
   "context.less.rival": "{device} {time} people go less for {tag}, as in the next best picture.",
   "everybody.same": "People in general see no difference.",
   "everybody.more": "People in general go for {tag}.",
   "everybody.less": "People in general go less for {tag}.",
   "everybody.more.rival": "People in general go for {tag}, as in the next best picture.",
   "everybody.less.rival": "People in general go less for {tag}, as in the next best picture.",
   "device.tv": "On a TV",
   "device.phone": "On a phone",
   "device.tablet": "On a tablet",
   "device.desktop": "On a computer",
   "device.other": "On a device",
   "time.morning": "in the morning",
   "time.afternoon": "in the afternoon",
   "time.evening": "in the evening",
   "time.night": "at night",
   "tag.palette": "{value} colours",
   "tag.mood": "a mood of {value}",
   "tag.shot": "{value} shots",
   "tag.cast": "{value} in the cast",
   "tag.style": "the style {value}",
   "tag.theme": "the theme {value}",
   "tag.director": "the director {value}",
   "tag.setting": "the setting {value}",
   "tag.unnamed": "pictures like it"
  },
  "kinds": {
   "genre": [
    "genre",
    "genres"
   ],
   "mood": [
    "mood",
    "moods"
   ],
   "palette": [
    "palette",
    "palettes"
   ],
   "shot": [
    "shot",
    "shots"
   ],
   "cast": [
    "cast",
    "people"
   ],
   "style": [
    "style",
    "styles"
   ],
   "theme": [
    "theme",
    "themes"
   ],
   "director": [
    "director",
    "directors"
   ],
   "setting": [
    "setting",
    "settings"
   ]
  }
 },
 "es": {
  "messages": {
   "age-limit": "Ninguna imagen de este título respeta el límite de edad que se aplica aquí.",
   "only-picture": "Es la única imagen de este título que se puede mostrar aquí.",
   "exploration": "Se eligió al azar para ver qué tal funciona; otra imagen encajaba mejor.",
   "no-model": "Todavía no se sabe nada de las imágenes: se sortean, y solo aprende este dispositivo.",
   "no-difference": "La siguiente mejor imagen encaja aquí igual de bien.",
   "intent.more": "Responde más a lo que acaba de pedir.",
   "intent.less": "Responde menos a lo que acaba de pedir.",
   "appeal.more": "Esta misma imagen hizo que más personas reprodujeran el título.",
   "appeal.less": "Esta misma imagen hizo que menos personas reprodujeran el título.",
   "promise.more": "Lo que se empieza a ver con esta imagen se abandona menos.",
   "promise.less": "Lo que se empieza a ver con esta imagen se abandona más.",
   "you.more": "Últimamente ha visto títulos que se mostraban con imágenes parecidas.",
   "you.less": "Últimamente ha pasado por alto títulos que se mostraban con imágenes parecidas.",
   "picture.more": "Ya vio algo que se mostraba con esta misma imagen.",
   "picture.less": "Ya pasó por alto esta misma imagen.",
   "picture.rival.more": "Ya vio algo que se mostraba con la siguiente mejor imagen.",
   "picture.rival.less": "Ya pasó por alto la siguiente mejor imagen.",
   "others.more": "Quienes ven lo mismo que usted la reproducen más a menudo.",
   "others.less": "Quienes ven lo mismo que usted la reproducen menos a menudo.",
   "history.more": "{kinds}: muestra más de lo que suele ver.",
   "history.less": "{kinds}: muestra menos de lo que suele ver.",
   "history.any.more": "Muestra más de lo que suele ver.",
   "history.any.less": "Muestra menos de lo que suele ver.",
   "content.more": "{kind}: la imagen dice más.",
   "content.less": "{kind}: la imagen dice menos.",
   "content.any.more": "Dice más sobre el título.",
   "content.any.less": "Dice menos sobre el título.",
   "title.more": "{kinds}: la imagen se acerca más al título.",
   "title.less": "{kinds}: la imagen se aleja más del título.",
   "title.any.more": "Lo que muestra se acerca más al título.",
   "title.any.less": "Lo que muestra se aleja más del título.",
   "history.look.more": "Se parece más a lo que suele ver.",
   "history.look.less": "Se parece menos a lo que suele ver.",
   "content.look.more": "Llama más la atención.",
   "content.look.less": "Llama menos la atención.",
   "title.look.more": "Se parece más al título.",
   "title.look.less": "Se parece menos al título.",
   "statement.like": "Dijo que le gusta: {tag}.",
   "statement.dislike": "Dijo que no le gusta: {tag}.",
   "statement.like.rival": "Dijo que le gusta: {tag}. La siguiente mejor imagen lo muestra más.",
   "statement.dislike.rival": "Dijo que no le gusta: {tag}. La siguiente mejor imagen lo muestra más.",
   "taste.same": "Quienes ven lo mismo que usted no notan la diferencia.",
   "taste.more": "A quienes ven lo mismo que usted les gusta más: {tag}.",
   "taste.less": "A quienes ven lo mismo que usted les gusta menos: {tag}.",
   "taste.more.rival": "A quienes ven lo mismo que usted les gusta más: {tag}, como en la siguiente mejor imagen.",
   "taste.less.rival": "A quienes ven lo mismo que usted les gusta menos: {tag}, como en la siguiente mejor imagen.",
   "context.same": "{device} {time} no se nota la diferencia.",
   "context.more": "{device} {time} gusta más: {tag}.",
   "context.less": "{device} {time} gusta menos: {tag}.",
   "context.more.rival": "{device} {time} gusta más: {tag}, como en la siguiente mejor imagen.",
   "context.less.rival": "{device} {time} gusta menos: {tag}, como en la siguiente mejor imagen.",
   "everybody.same": "En general no se nota la diferencia.",
   "everybody.more": "En general gusta más: {tag}.",
   "everybody.less": "En general gusta menos: {tag}.",
   "everybody.more.rival": "En general gusta más: {tag}, como en la siguiente mejor imagen.",
   "everybody.less.rival": "En general gusta menos: {tag}, como en la siguiente mejor imagen.",
   "device.tv": "En el televisor",
   "device.phone": "En el teléfono",
   "device.tablet": "En la tableta",
   "device.desktop": "En el ordenador",
   "device.other": "En un dispositivo",
   "time.morning": "por la mañana",
   "time.afternoon": "por la tarde",
   "time.evening": "al anochecer",
   "time.night": "por la noche",
   "tag.palette": "colores: {value}",
   "tag.mood": "ambiente: {value}",
   "tag.shot": "planos: {value}",
   "tag.cast": "{value} en el reparto",
   "tag.style": "el estilo {value}",
   "tag.theme": "el tema {value}",
   "tag.director": "dirección: {value}",
   "tag.setting": "lugar: {value}",
   "tag.unnamed": "imágenes parecidas"
  },
  "kinds": {
   "genre": [
    "Género",
    "Géneros"
   ],
   "mood": [
    "Ambiente",
    "Ambientes"
   ],
   "palette": [
    "Paleta",
    "Paletas"
   ],
   "shot": [
    "Plano",
    "Planos"
   ],
   "cast": [
    "Reparto",
    "Personas"
   ],
   "style": [
    "Estilo",
    "Estilos"
   ],
   "theme": [
    "Tema",
    "Temas"
   ],
   "director": [
    "Dirección",
    "Direcciones"
   ],
   "setting": [
    "Lugar",
    "Lugares"
   ]
  }
 },
 "fr": {
  "messages": {
   "age-limit": "Aucune image de ce titre ne respecte la limite d'âge qui s'applique ici.",
   "only-picture": "C'est la seule image de ce titre qui peut être montrée ici.",
   "exploration": "Elle a été tirée au sort pour voir si elle plaît ; une autre image convenait mieux.",
   "no-model": "On ne sait encore rien des images : elles sont tirées au sort, et seul cet appareil apprend.",
   "no-difference": "L'image suivante convient ici tout aussi bien.",
   "intent.more": "Elle répond mieux à ce que vous venez de demander.",
   "intent.less": "Elle répond moins à ce que vous venez de demander.",
   "appeal.more": "Cette image a amené davantage de personnes à lancer la lecture.",
   "appeal.less": "Cette image a amené moins de personnes à lancer la lecture.",
   "promise.more": "Ce que l'on commence à regarder avec elle est moins souvent interrompu.",
   "promise.less": "Ce que l'on commence à regarder avec elle est plus souvent interrompu.",
   "you.more": "Vous avez récemment regardé des titres montrés avec des images semblables.",
   "you.less": "Vous avez récemment ignoré des titres montrés avec des images semblables.",
   "picture.more": "Vous avez déjà regardé ce qui était montré avec cette image.",
   "picture.less": "Vous avez déjà ignoré cette image.",
   "picture.rival.more": "Vous avez déjà regardé ce qui était montré avec l'image suivante.",
   "picture.rival.less": "Vous avez déjà ignoré l'image suivante.",
   "others.more": "Les personnes qui regardent la même chose que vous lancent plus souvent la lecture avec elle.",
   "others.less": "Les personnes qui regardent la même chose que vous lancent moins souvent la lecture avec elle.",
   "history.more": "{kinds} : elle montre davantage de ce que vous regardez.",
   "history.less": "{kinds} : elle montre moins de ce que vous regardez.",
   "history.any.more": "Elle montre davantage de ce que vous regardez.",
   "history.any.less": "Elle montre moins de ce que vous regardez.",
   "content.more": "{kind} : elle en dit davantage.",
   "content.less": "{kind} : elle en dit moins.",
   "content.any.more": "Elle en dit davantage sur le titre.",
   "content.any.less": "Elle en dit moins sur le titre.",
   "title.more": "{kinds} : l'image est plus proche du titre.",
   "title.less": "{kinds} : l'image est plus éloignée du titre.",
   "title.any.more": "Ce qu'elle montre est plus proche du titre.",
   "title.any.less": "Ce qu'elle montre est plus éloigné du titre.",
   "history.look.more": "Elle ressemble davantage à ce que vous regardez.",
   "history.look.less": "Elle ressemble moins à ce que vous regardez.",
   "content.look.more": "Elle attire davantage le regard.",
   "content.look.less": "Elle attire moins le regard.",
   "title.look.more": "Elle ressemble davantage au titre.",
   "title.look.less": "Elle ressemble moins au titre.",
   "statement.like": "Vous avez dit aimer : {tag}.",
   "statement.dislike": "Vous avez dit ne pas aimer : {tag}.",
   "statement.like.rival": "Vous avez dit aimer : {tag}. L'image suivante en montre davantage.",
   "statement.dislike.rival": "Vous avez dit ne pas aimer : {tag}. L'image suivante en montre davantage.",
   "taste.same": "Les personnes qui regardent la même chose que vous ne voient pas de différence.",
   "taste.more": "Les personnes qui regardent la même chose que vous préfèrent : {tag}.",
   "taste.less": "Les personnes qui regardent la même chose que vous aiment moins : {tag}.",
   "taste.more.rival": "Les personnes qui regardent la même chose que vous préfèrent : {tag}, comme sur l'image suivante.",
   "taste.less.rival": "Les personnes qui regardent la même chose que vous aiment moins : {tag}, comme sur l'image suivante.",
   "context.same": "{device}, {time}, les gens ne voient pas de différence.",
   "context.more": "{device}, {time}, les gens préfèrent : {tag}.",
   "context.less": "{device}, {time}, les gens aiment moins : {tag}.",
   "context.more.rival": "{device}, {time}, les gens préfèrent : {tag}, comme sur l'image suivante.",
   "context.less.rival": "{device}, {time}, les gens aiment moins : {tag}, comme sur l'image suivante.",
   "everybody.same": "En général, les gens ne voient pas de différence.",
   "everybody.more": "En général, les gens préfèrent : {tag}.",
   "everybody.less": "En général, les gens aiment moins : {tag}.",
   "everybody.more.rival": "En général, les gens préfèrent : {tag}, comme sur l'image suivante.",
   "everybody.less.rival": "En général, les gens aiment moins : {tag}, comme sur l'image suivante.",
   "device.tv": "Sur un téléviseur",
   "device.phone": "Sur un téléphone",
   "device.tablet": "Sur une tablette",
   "device.desktop": "Sur un ordinateur",
   "device.other": "Sur un appareil",
   "time.morning": "le matin",
   "time.afternoon": "l'après-midi",
   "time.evening": "le soir",
   "time.night": "la nuit",
   "tag.palette": "couleurs : {value}",
   "tag.mood": "ambiance : {value}",
   "tag.shot": "plans : {value}",
   "tag.cast": "{value} dans la distribution",
   "tag.style": "le style {value}",
   "tag.theme": "le thème {value}",
   "tag.director": "réalisation : {value}",
   "tag.setting": "lieu : {value}",
   "tag.unnamed": "des images semblables"
  },
  "kinds": {
   "genre": [
    "Genre",
    "Genres"
   ],
   "mood": [
    "Ambiance",
    "Ambiances"
   ],
   "palette": [
    "Palette",
    "Palettes"
   ],
   "shot": [
    "Plan",
    "Plans"
   ],
   "cast": [
    "Distribution",
    "Personnes"
   ],
   "style": [
    "Style",
    "Styles"
   ],
   "theme": [
    "Thème",
    "Thèmes"
   ],
   "director": [
    "Réalisation",
    "Réalisations"
   ],
   "setting": [
    "Lieu",
    "Lieux"
   ]
  }
 },
 "ja": {
  "messages": {
   "age-limit": "この作品には、ここで適用される年齢制限に合う画像がありません。",
   "only-picture": "ここで表示できるこの作品の画像はこれだけです。",
   "exploration": "反応を確かめるために選ばれました。ほかにもっと合う画像がありました。",
   "no-model": "画像についてまだ何もわかっていません。画像は抽選で選ばれ、この端末だけが学習します。",
   "no-difference": "次の候補の画像も同じくらい合っています。",
   "intent.more": "先ほどのご要望により合っています。",
   "intent.less": "先ほどのご要望にはあまり合っていません。",
   "appeal.more": "この画像を見て再生した人がより多くいます。",
   "appeal.less": "この画像を見て再生した人はより少ないです。",
   "promise.more": "この画像から再生すると、途中でやめる人が少なくなります。",
   "promise.less": "この画像から再生すると、途中でやめる人が多くなります。",
   "you.more": "最近、似た画像で表示された作品を再生しました。",
   "you.less": "最近、似た画像で表示された作品を見送りました。",
   "picture.more": "以前、この画像で表示された作品を再生しました。",
   "picture.less": "以前、この画像を見送りました。",
   "picture.rival.more": "以前、次の候補の画像で表示された作品を再生しました。",
   "picture.rival.less": "以前、次の候補の画像を見送りました。",
   "others.more": "同じような作品を見る人は、この画像でより多く再生します。",
   "others.less": "同じような作品を見る人は、この画像ではあまり再生しません。",
   "history.more": "{kinds}：よくご覧になるものがより多く写っています。",
   "history.less": "{kinds}：よくご覧になるものはあまり写っていません。",
   "history.any.more": "よくご覧になるものがより多く写っています。",
   "history.any.less": "よくご覧になるものはあまり写っていません。",
   "content.more": "{kind}：より多くのことが伝わります。",
   "content.less": "{kind}：伝わることは少なめです。",
   "content.any.more": "作品についてより多くのことが伝わります。",
   "content.any.less": "作品について伝わることは少なめです。",
   "title.more": "{kinds}：作品により近い画像です。",
   "title.less": "{kinds}：作品からより遠い画像です。",
   "title.any.more": "写っているものが作品により近いです。",
   "title.any.less": "写っているものが作品からより遠いです。",
   "history.look.more": "よくご覧になるものにより似ています。",
   "history.look.less": "よくご覧になるものにはあまり似ていません。",
   "content.look.more": "より目を引きます。",
   "content.look.less": "あまり目を引きません。",
   "title.look.more": "作品により似ています。",
   "title.look.less": "作品にはあまり似ていません。",
   "statement.like": "お好きとのことです：{tag}。",
   "statement.dislike": "お好きではないとのことです：{tag}。",
   "statement.like.rival": "お好きとのことです：{tag}。次の候補の画像のほうが多く写っています。",
   "statement.dislike.rival": "お好きではないとのことです：{tag}。次の候補の画像のほうが多く写っています。",
   "taste.same": "同じような作品を見る人は、違いを感じていません。",
   "taste.more": "同じような作品を見る人は、「{tag}」をより好みます。",
   "taste.less": "同じような作品を見る人は、「{tag}」をあまり好みません。",
   "taste.more.rival": "同じような作品を見る人は、次の候補の画像のような「{tag}」をより好みます。",
   "taste.less.rival": "同じような作品を見る人は、次の候補の画像のような「{tag}」をあまり好みません。",
   "context.same": "{time}に{device}見る人は、違いを感じていません。",
   "context.more": "{time}に{device}見る人は、「{tag}」をより好みます。",
   "context.less": "{time}に{device}見る人は、「{tag}」をあまり好みません。",
   "context.more.rival": "{time}に{device}見る人は、次の候補の画像のような「{tag}」をより好みます。",
   "context.less.rival": "{time}に{device}見る人は、次の候補の画像のような「{tag}」をあまり好みません。",
   "everybody.same": "多くの人は、違いを感じていません。",
   "everybody.more": "多くの人は、「{tag}」をより好みます。",
   "everybody.less": "多くの人は、「{tag}」をあまり好みません。",
   "everybody.more.rival": "多くの人は、次の候補の画像のような「{tag}」をより好みます。",
   "everybody.less.rival": "多くの人は、次の候補の画像のような「{tag}」をあまり好みません。",
   "device.tv": "テレビで",
   "device.phone": "スマートフォンで",
   "device.tablet": "タブレットで",
   "device.desktop": "パソコンで",
   "device.other": "端末で",
   "time.morning": "朝",
   "time.afternoon": "午後",
   "time.evening": "夕方",
   "time.night": "夜",
   "tag.palette": "色：{value}",
   "tag.mood": "雰囲気：{value}",
   "tag.shot": "構図：{value}",
   "tag.cast": "出演：{value}",
   "tag.style": "スタイル：{value}",
   "tag.theme": "テーマ：{value}",
   "tag.director": "監督：{value}",
   "tag.setting": "舞台：{value}",
   "tag.unnamed": "似た画像"
  },
  "kinds": {
   "genre": [
    "ジャンル",
    "ジャンル"
   ],
   "mood": [
    "雰囲気",
    "雰囲気"
   ],
   "palette": [
    "色合い",
    "色合い"
   ],
   "shot": [
    "構図",
    "構図"
   ],
   "cast": [
    "出演者",
    "出演者"
   ],
   "style": [
    "スタイル",
    "スタイル"
   ],
   "theme": [
    "テーマ",
    "テーマ"
   ],
   "director": [
    "監督",
    "監督"
   ],
   "setting": [
    "舞台",
    "舞台"
   ]
  }
 }
};

export const CONSENT_TEXTS: Readonly<Record<string, string>> = {
 "personalization": "May this app choose pictures for you? It then keeps a record, on this device only and encrypted, of what you watch, which pictures you were shown, what you did next, and what you say that you like. It uses the record to choose the pictures that you see for films and programmes. You can look at the record, remove a single title from it, or erase all of it, at any time. You can also change your mind at any time: the app works without this too, with pictures that do not depend on you. Your consent ends by itself after two years at the latest.",
 "federated": "May this device help to choose better pictures for everybody? It then works out, from the record that it keeps of you, how the choice could be better, and sends numbers, blurred and hidden so that only their sum with those of many other devices can be read. The record itself stays here. No title and no name goes along, but a key that stands for this device, so that nobody can make devices up. You can see when numbers were sent. You can change your mind at any time and lose nothing by it; what was added to a sum before cannot be taken out again. Your consent ends by itself after two years at the latest.",
 "diagnostics": "May this app report its own faults? When the choice of pictures fails, it may then tell its makers what failed and how often. A report says nothing of what you watched. You can change your mind at any time and lose nothing by it. Your consent ends by itself after two years at the latest.",
 "advertising": "May this app choose the pictures of advertisements for you? It then keeps a record, on this device only and encrypted, of which advertisements you were shown and what you did next, and uses it for advertisements alone. What you watch is not part of it, and nobody else gets to see it. You can look at the record or erase it. You can change your mind at any time: advertisements then depend on the programme and the time of day alone. Your consent ends by itself after two years at the latest."
};
