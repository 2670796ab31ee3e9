#!/usr/bin/env python3
"""Removes a data folder of `make run`.

    clean_data.py FOLDER

Keeps a folder that is in use or contains other files.
"""

import fcntl
import shutil
import sys
from pathlib import Path

# The files and folders that `make run` writes (local/src/cloud.rs, local/src/watch.rs).
DATA_FILES = {
    "cargo.sh", "dynamodb.sqlite", "dynamodb.sqlite-journal", "dynamodb.sqlite-shm", "dynamodb.sqlite-wal", "empty", "events.jsonl",
    "events.jsonl.wake-ups", "functions.env", "functions.log", "invoke-token", "lock", "metadata.json", "publish-events", "sync-cache",
    "undelivered.jsonl", "valkey", "wake-ups",
}


def main(arguments):
    if len(arguments) != 1 or not arguments[0].strip():
        sys.exit("make clean-data [DATA=folder]")
    folder = Path(arguments[0])
    if folder.is_symlink():
        refuse(folder, "it is a link")
    if not folder.exists():
        print(f"{folder} is not there: nothing to remove")
        return
    if not folder.is_dir():
        refuse(folder, "it isn't a folder")
    names = {entry.name for entry in folder.iterdir()}
    others = sorted(names - DATA_FILES)
    if others:
        refuse(folder, f"it holds {others[0]}, which isn't data of the box office")
    if names and "lock" not in names:
        refuse(folder, "it has no file `lock`, so it isn't a data folder of the box office")
    if names:
        remove(folder)
    else:
        folder.rmdir()


def remove(folder):
    with open(folder / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            refuse(folder, f"the box office runs on it (process {lock.read().strip()}), stop it first")
        shutil.rmtree(folder)


def refuse(folder, reason):
    sys.exit(f"clean-data: can't remove {folder}: {reason}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"clean-data: {error}")
