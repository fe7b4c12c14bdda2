"""Point every link at another copy of the repository: ``make set-repo URL=...``.

The address is kept in `_config.yml` under `repository: url:`. This script changes it there and in
every other text file that git tracks: README, notebooks' set-up cells, links to Colab, Binder and
GitHub Pages. A second run with the same address changes nothing.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"https://github\.com/([\w-]+)/([\w.-]+?)(?:\.git)?/?")
CONFIGURED = re.compile(r"^repository:\n(?:[ #].*\n)*?  url: *(\S+)", re.MULTILINE)


def owner_and_name(url: str) -> tuple[str, str]:
    """Return the two parts of a repository's address; ValueError if it is not one."""
    match = ADDRESS.fullmatch(url)
    if match is None:
        raise ValueError(f"URL must look like https://github.com/you/yours, not {url!r}")
    return match.groups()


def current(root: Path) -> str:
    """Return the address in the configuration of the book."""
    return CONFIGURED.search((root / "_config.yml").read_text(encoding="utf-8"))[1]


def rewrite(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """Return the text with links to the old repository and its pages replaced."""
    end = r"(?![\w-]|\.(?!git\b)\w)"
    prefix = r"(github\.com/|githubusercontent\.com/|/github/|/gh/)"
    text = re.sub(rf"{prefix}{re.escape('/'.join(old))}{end}", rf"\g<1>{'/'.join(new)}", text)
    pages = rf"\b{re.escape(f'{old[0]}.github.io/{old[1]}')}{end}"
    return re.sub(pages, f"{new[0]}.github.io/{new[1]}", text)


def tracked(root: Path) -> list[Path]:
    """Return the files that git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [root / name for name in sorted(set(listed.split("\0"))) if (root / name).is_file()]


def set_repository(root: Path, url: str) -> list[Path]:
    """Rewrite every file under `root` that names the repository; return those that changed."""
    new, old = owner_and_name(url), owner_and_name(current(root))
    changed = []
    for path in tracked(root):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue  # an image or other data
        if (made := rewrite(text, old, new)) != text:
            path.write_bytes(made.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> None:
    """Rewrite the links and name the files."""
    url = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        changed = set_repository(ROOT, url)
    except ValueError as error:
        raise SystemExit(f"set-repo: {error}") from None
    for path in changed:
        print(path.relative_to(ROOT))
    print(
        f"{len(changed)} files now point at {url}." if changed else f"All point at {url} already."
    )


if __name__ == "__main__":
    main()
