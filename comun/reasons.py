"""What the operating system refuses, in the words of whoever reads it. Used wherever such an error is shown."""

import errno
import socket
import ssl

from comun.language import N_, _

WORDS = {
    errno.EACCES: N_("permiso denegado"),
    errno.EADDRNOTAVAIL: N_("esa dirección no es de esta máquina"),
    errno.ECONNREFUSED: N_("nadie escucha en esa dirección"),
    errno.EEXIST: N_("ya hay otra cosa con ese nombre"),
    errno.EHOSTUNREACH: N_("equipo inalcanzable"),
    errno.EISDIR: N_("es un directorio y debería ser un archivo"),
    errno.ELOOP: N_("es un enlace, y los enlaces no se siguen"),
    errno.EMFILE: N_("este proceso no puede abrir más archivos (ulimit -n)"),
    errno.ENAMETOOLONG: N_("el nombre es demasiado largo"),
    errno.ENETUNREACH: N_("red inalcanzable"),
    errno.ENOENT: N_("no existe"),
    errno.ENOSPC: N_("disco lleno"),
    errno.ENOTDIR: N_("no es un directorio"),
    errno.ENXIO: N_("no es un archivo normal"),  # a socket, or a FIFO that nobody reads
    errno.EROFS: N_("sistema de archivos de solo lectura"),
}
UNKNOWN_HOST = N_("nombre de equipo desconocido")


def reason(exc: OSError) -> str:
    """Say why something failed, without what it was done to."""
    if isinstance(exc, socket.gaierror):
        return _(UNKNOWN_HOST)
    if isinstance(exc, ssl.SSLError):  # its numbers are not those of the operating system
        return _("fallo de TLS ({why})", why=getattr(exc, "reason", None) or exc.strerror or exc)
    known = WORDS.get(exc.errno or 0)
    return _(known) if known else exc.strerror or str(exc)
