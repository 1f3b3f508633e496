# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of the test's own, and a certificate for the names that the CLI calls."""

from __future__ import annotations

import os
import subprocess

from .namespace import NAMES


def make(folder: str) -> tuple[str, str, str]:
    """Make them in ``folder``; return the paths of the authority, the certificate and its key."""
    authority, authority_key = os.path.join(folder, "ca.pem"), os.path.join(folder, "ca.key")
    certificate, key, request = (os.path.join(folder, name) for name in ("api.pem", "api.key", "api.csr"))
    extensions = os.path.join(folder, "api.ext")
    with open(extensions, "w", encoding="ascii") as stream:
        stream.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in (*NAMES, "localhost")) + "\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for arguments in (
        [
            "req",
            "-x509",
            *curve,
            "-keyout",
            authority_key,
            "-out",
            authority,
            "-days",
            "2",
            "-subj",
            "/CN=stub authority",
        ],
        ["req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=stub"],
        [
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            authority,
            "-CAkey",
            authority_key,
            "-CAcreateserial",
            "-out",
            certificate,
            "-days",
            "2",
            "-extfile",
            extensions,
        ],
    ):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
    os.chmod(authority, 0o644)
    return authority, certificate, key
