"""
openssl_test.py: openssl: digests and ciphers with fixed keys, compared exactly; fresh keys,
signatures, certificates and CMS, where the stated property is that everything verifies and a round
trip gives the same bytes.
"""

import random

from harness import Comparison, check

DIGESTS = ("md5", "sha1", "sha256", "sha512", "sha3-384", "blake2b512", "sm3")
CIPHERS = (
    "aes-128-cbc",
    "aes-256-ctr",
    "aria-192-cfb",
    "camellia-256-cbc",
    "chacha20",
    "des-ede3-cbc",
)


def main():
    test = Comparison("openssl", programs={"openssl": "openssl"})
    data = random.Random(5).randbytes(5 * 1000 * 1000 + 13)
    for side in test.sides():

        def openssl(*words, stdin=b""):
            return side.run(["openssl", *words], stdin=stdin).stdout

        side.write("data", data)
        for digest in DIGESTS:
            side.record(digest, openssl("dgst", "-" + digest, "data"))
        for cipher in CIPHERS:
            words = (
                "enc",
                "-" + cipher,
                "-pbkdf2",
                "-iter",
                "1000",
                "-S",
                "0102030405060708",
                "-pass",
                "pass:secret",
            )
            openssl(*words, "-in", "data", "-out", "sealed")
            side.record(cipher, openssl("dgst", "-sha256", "sealed"))
            openssl(*words, "-d", "-in", "sealed", "-out", "opened")
            check(side.read("opened") == data, "%s: round trip differs" % cipher)
        side.record("base64", openssl("enc", "-base64", "-in", "data"))

        openssl("genrsa", "-out", "rsa.pem", "2048")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
        openssl("genpkey", "-algorithm", "ed25519", "-out", "ed.pem")
        side.record("rsa check", openssl("rsa", "-in", "rsa.pem", "-check", "-noout"))
        for key in ("rsa", "ec"):
            openssl("pkey", "-in", key + ".pem", "-pubout", "-out", key + ".pub")
            openssl("dgst", "-sha256", "-sign", key + ".pem", "-out", key + ".sig", "data")
            side.record(
                "verify " + key,
                openssl(
                    "dgst", "-sha256", "-verify", key + ".pub", "-signature", key + ".sig", "data"
                ),
            )
        for key in ("rsa", "ec", "ed"):
            openssl(
                "req",
                "-x509",
                "-new",
                "-key",
                key + ".pem",
                "-subj",
                "/CN=%s.example.org" % key,
                "-days",
                "30",
                "-out",
                key + ".crt",
            )
            side.record(
                "certificate " + key, openssl("verify", "-CAfile", key + ".crt", key + ".crt")
            )
            side.record(
                "subject " + key, openssl("x509", "-in", key + ".crt", "-noout", "-subject")
            )
        openssl(
            "cms",
            "-encrypt",
            "-binary",
            "-aes256",
            "-in",
            "data",
            "-outform",
            "DER",
            "-out",
            "cms",
            "rsa.crt",
        )
        openssl(
            "cms",
            "-decrypt",
            "-binary",
            "-inform",
            "DER",
            "-in",
            "cms",
            "-inkey",
            "rsa.pem",
            "-out",
            "opened",
        )
        check(side.read("opened") == data, "cms: round trip differs")
        side.record("primes", openssl("prime", "-hex", "FFFFFFFFFFFFFFC5"))
    test.finish()


main()
