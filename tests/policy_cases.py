"""Policies that no verifier may read: most let one witness count twice, or a log witness itself."""

from __future__ import annotations

from ledger.core.note import Algorithm, VerifierKey

_ED25519, _COSIGNER = Algorithm.ED25519, Algorithm.COSIGNATURE_ED25519


def _key(name: str, number: int, algorithm: Algorithm = _COSIGNER) -> str:
    return VerifierKey(name, algorithm, bytes([number]) * 32).text()


LOG = f"log {_key('demo/0', 1, _ED25519)}\n"
A, B = f"witness a {_key('w/a', 2)}\n", f"witness b {_key('w/b', 3)}\n"

REFUSED = {
    "one key under two names": f"{A}witness b {_key('w/a', 2)}\ngroup g all a b\nquorum g\n",
    "one key that has two names": f"{A}witness b {_key('w/b', 2)}\ngroup g all a b\nquorum g\n",
    "the key of the log": f"witness a {_key('demo/0', 1)}\nquorum a\n",
    "a key that signs as a log": f"witness a {_key('w/a', 2, _ED25519)}\nquorum a\n",
    "a log with a cosigner's key": f"log {_key('demo/1', 4)}\n{A}quorum a\n",
    "a log twice": f"{LOG}{A}quorum a\n",
    "a member twice": f"{A}group g 2 a a\nquorum g\n",
    "in two groups": f"{A}group g any a\ngroup h any a\ngroup k all g h\nquorum k\n",
    "a threshold with a sign": f"{A}{B}group g +1 a b\nquorum g\n",
    "a threshold with a zero": f"{A}{B}group g 01 a b\nquorum g\n",
    "a threshold in other digits": f"{A}{B}group g \u0661 a b\nquorum g\n",
    "a threshold of none": f"{A}{B}group g 0 a b\nquorum g\n",
    "a threshold of more": f"{A}{B}group g 3 a b\nquorum g\n",
    "a word too many": f"{A}quorum a b\n",
    "two URLs": f"{A[:-1]} https://one https://two\nquorum a\n",
    "a carriage return": f"{A}# remark\r\nquorum a\n",
    "too many groups": f"{A}group g0 any a\n"
    + "".join(f"group g{n} any g{n - 1}\n" for n in range(1, 200))
    + "quorum g199\n",
}

READ = {
    "two witnesses": f"{A}{B}group g all a b\nquorum g\n",
    "a key named in Vietnamese": f"witness a {_key('w/chứng-kiến-à', 2)}\nquorum a\n",
    "a name that is no text": f"witness à {_key('w/a', 2)}\nquorum à\n",
    "no witness": "quorum none\n",
}
