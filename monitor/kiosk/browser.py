"""The screen in a browser that shows nothing else."""

from __future__ import annotations

import shutil
import subprocess
import webbrowser

from platformdirs import user_cache_path

KIOSKS = {
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"): (
        "--kiosk", "--no-first-run", "--noerrdialogs", "--disable-session-crashed-bubble", "--disable-infobars",
        "--autoplay-policy=no-user-gesture-required", "--incognito",
    ),
    ("firefox", "firefox-esr"): ("--kiosk", "--private-window"),
}  # fmt: skip
"""Names of browsers, and the options that make them full-screen."""


def open_browser(url: str) -> str | None:
    """Starts it; why it could not be, or None. It lives on by itself: the door is guarded without it, too."""
    for names, options in KIOSKS.items():
        program = next((found for name in names if (found := shutil.which(name))), None)
        if program is None:
            continue
        profile = [] if "firefox" in program else [f"--user-data-dir={user_cache_path('monitor') / 'kiosk-browser'}"]
        try:
            subprocess.Popen(
                [program, *options, *profile, url],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"{program}: {error.strerror}"
        return None
    return None if webbrowser.open(url) else "none was found"
