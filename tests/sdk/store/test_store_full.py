"""A full disk, a read-only folder: StoreFull, and nothing that was stored before is lost."""

from __future__ import annotations

import os

import pytest

from keyart.errors import StoreFull
from keyart.store.database import Store, Table

resource = pytest.importorskip("resource")

# Files may grow to a limit and no further; SIGXFSZ ignored, so that the write fails as on a full disk.
WRITER = """
import resource
limit = int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
kept = 0
try:
    with Store.open(path, keys) as store:
        kept = store.count(Table.VIEW) // 3
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        while kept < 2000:
            with store.transaction():
                for part in range(3):
                    store.put(Table.VIEW, b"%d/%d" % (kept, part), b"x" * 300, group="t")
            kept += 1
except StoreFull as error:
    print(kept, "full", error)
else:
    print(kept, "wrote")
"""


def outcome(text: str) -> tuple[int, str]:
    kept, what = text.split()[:2]
    return int(kept), what


@pytest.mark.parametrize("limit", [1_000, 40_000, 61_440, 100_001, 150_000, 300_000, 700_000])
def test_a_disk_that_fills_up(path, shared_keys, program, limit):
    Store.open(path, shared_keys).close()
    kept, what = outcome(program.run(WRITER, path, limit))
    assert what == "full"
    with Store.open(path, shared_keys) as store:
        expected = [b"%d/%d" % (i, part) for i in range(kept) for part in range(3)]
        assert [name for name, _ in store.scan(Table.VIEW)] == expected
        store.put(Table.VIEW, b"there is room again", b"x")
        assert store.count(Table.VIEW) == len(expected) + 1


@pytest.mark.parametrize("limit", range(1_000, 40_000, 3_900))
def test_no_room_to_make_the_store(tmp_path, shared_keys, program, limit):
    text = """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
        try:
            store = Store.open(path, keys)
        except StoreFull:
            print("full")
            sys.exit()
        print("made")
        os._exit(0)
    """
    path = tmp_path / "profile.db"
    what = program.run(text, path, limit).strip()
    assert what == ("full" if limit < 30_000 else what)
    with Store.open(path, shared_keys) as store:
        store.put(Table.VIEW, b"1", b"x")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_page_limit_inside_a_transaction(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"kept", b"x")
        store._connection.execute(f"PRAGMA max_page_count = {store.size_bytes // 4096}")
        with pytest.raises(StoreFull, match="still there"), store.transaction():
            for i in range(1000):
                try:
                    store.put(Table.VIEW, b"%d" % i, b"x" * 3000)
                except StoreFull:
                    break
            with pytest.raises(Exception, match="rolled back"):
                store.put(Table.VIEW, b"not on its own", b"x")
            raise StoreFull("What was stored is still there.")
        assert [name for name, _ in store.scan(Table.VIEW)] == [b"kept"]
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.put(Table.VIEW, b"later", b"x" * 3000)
    with Store.open(path, host.keys) as store:
        assert [name for name, _ in store.scan(Table.VIEW)] == [b"kept", b"later"]


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("what", ["folder", "file", "new file"])
def test_a_read_only_folder_for_somebody_without_rights(path, tmp_path, shared_keys, program, digest_of, what):
    text = """
        import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.hkdf
        os.chdir(path.parent)
        os.setuid(65534)
        try:
            Store.open(path.name, keys)
        except StoreFull as error:
            print("full", error)
    """
    Store.open(path, shared_keys).close()
    nobody = 65534
    if what == "folder":
        os.chown(path, nobody, nobody)
    elif what == "file":
        os.chown(tmp_path, nobody, nobody)
    else:
        path = tmp_path / "new.db"
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    before = digest_of(tmp_path)
    assert program.run(text, path).startswith("full")
    assert digest_of(tmp_path) == before
