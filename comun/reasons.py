"""What the operating system refuses, in the words of whoever reads it. Used wherever such an error is shown."""

import errno
import socket
import ssl

WORDS = {
    errno.EACCES: "permiso denegado",
    errno.EADDRNOTAVAIL: "esa dirección no es de esta máquina",
    errno.ECONNREFUSED: "nadie escucha en esa dirección",
    errno.EEXIST: "ya hay otra cosa con ese nombre",
    errno.EHOSTUNREACH: "equipo inalcanzable",
    errno.EISDIR: "es un directorio y debería ser un archivo",
    errno.ELOOP: "es un enlace, y los enlaces no se siguen",
    errno.EMFILE: "este proceso no puede abrir más archivos (ulimit -n)",
    errno.ENAMETOOLONG: "el nombre es demasiado largo",
    errno.ENETUNREACH: "red inalcanzable",
    errno.ENOENT: "no existe",
    errno.ENOSPC: "disco lleno",
    errno.ENOTDIR: "no es un directorio",
    errno.ENXIO: "no es un archivo normal",  # a socket, or a FIFO that nobody reads
    errno.EROFS: "sistema de archivos de solo lectura",
}
UNKNOWN_HOST = "nombre de equipo desconocido"


def reason(exc: OSError) -> str:
    """Say why something failed, without what it was done to."""
    if isinstance(exc, socket.gaierror):
        return UNKNOWN_HOST
    if isinstance(exc, ssl.SSLError):  # its numbers are not those of the operating system
        return f"fallo de TLS ({getattr(exc, 'reason', None) or exc.strerror or exc})"
    return WORDS.get(exc.errno or 0) or exc.strerror or str(exc)
