"""The web server of the kiosk: screen, manager's page, health. It shows and asks; what holds is decided by the loop."""
