"""The QR code itself. The only place that knows the library."""

from io import BytesIO

import segno


def _code(address: str) -> segno.QRCode:
    # A quarter of the picture may be soiled or torn (level Q): posters hang in the street.
    return segno.make(address, error="q", micro=False, boost_error=False)


def svg_inline(address: str) -> str:
    """Markup for a page: black modules on white with the quiet zone of four, sized by the page's own rules."""
    return _code(address).svg_inline(
        border=4, omitsize=True, dark="#000", light="#fff", svgclass="eq-code", lineclass=None
    )


def svg(address: str) -> bytes:
    """A file for the printer."""
    file = BytesIO()
    _code(address).save(file, kind="svg", border=4, scale=10, dark="#000", light="#fff")
    return file.getvalue()


def png(address: str) -> bytes:
    """A picture of about a thousand dots for chats and leaflets."""
    file = BytesIO()
    _code(address).save(file, kind="png", border=4, scale=20, dark="#000", light="#fff")
    return file.getvalue()
