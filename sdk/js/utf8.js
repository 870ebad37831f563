// UTF-8, for engines that have no text codec.

/** The bytes of a text. Halves of surrogate pairs become U+FFFD. */
export function toUtf8(text) {
  const bytes = [];
  for (const character of text) {
    const point = character.codePointAt(0);
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63));
      bytes.push(0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return new Uint8Array(bytes);
}

// The least code point that needs so many bytes behind the first.
const LEAST = [0, 0x80, 0x800, 0x10000];

/** The text of bytes. What is no UTF-8 becomes U+FFFD, a byte at a time. */
export function fromUtf8(bytes) {
  const parts = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first >> 5 === 6 ? 1 : first >> 4 === 14 ? 2 : first >> 3 === 30 ? 3 : -1;
    let code = more < 1 ? first : first & (0x3f >> more);
    let seen = 0;
    while (seen < more && (bytes[at + 1 + seen] & 0xc0) === 0x80) {
      code = (code << 6) | (bytes[at + 1 + seen] & 63);
      seen += 1;
    }
    const isBroken =
      more < 0 || seen < more || code < LEAST[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
    parts.push(isBroken ? "\ufffd" : String.fromCodePoint(code));
    at += isBroken ? 1 : 1 + more;
  }
  return parts.join("");
}
