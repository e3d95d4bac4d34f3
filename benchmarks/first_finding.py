"""From the start of the server to the demo's first finding on screen, on a machine that has never opened the demo."""

from __future__ import annotations

from benchmarks.driving import Stopwatch, opened_page, served


def main() -> None:
    """Print the seconds until the server answers, and until the first finding is on screen."""
    with opened_page() as page:
        watch = Stopwatch()
        with served() as (url, _):
            started = watch.read()
            page.goto(f"{url}/overview?demo=credit")
            page.locator('[class*="st-key-_finding_"]').first.wait_for(timeout=120_000)
            shown = watch.read()
    print(f"server answers after {started:.1f} s; first finding {shown:.1f} s later, {started + shown:.1f} s in all")


if __name__ == "__main__":
    main()
