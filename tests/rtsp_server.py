"""A real RTSP server on loopback for the system's Python: PORT WIDTH HEIGHT [USER PASSWORD] [picture=JPEG].

Serves a moving test picture, or a JPEG file, as H.264 at /live and prints `ready PORT` once it listens. PORT 0 = any
free one.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - gi wants its versions first


def main() -> None:
    port, width, height, *login = sys.argv[1:]
    shown = "videotestsrc is-live=true pattern=ball"
    if login and login[-1].startswith("picture="):
        file = login.pop().removeprefix("picture=")
        read = f"multifilesrc location={file} loop=true caps=image/jpeg,framerate=25/1"
        shown = f"{read} ! jpegdec ! videoconvert ! videoscale"
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        f"( {shown} ! video/x-raw,width={width},height={height},framerate=25/1 "
        "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 pt=96 )"
    )
    if login:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login), token)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.from_string(
                "user, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
            )[0]
        )
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        raise SystemExit(f"port {port} is taken")
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
