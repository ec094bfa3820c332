/** What decodes text piece by piece, as `TextDecoder` does: the mark at its beginning is dropped, what is no character becomes U+FFFD. */
export interface PieceDecoder {
  readonly encoding: string;
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}

/** For the labels of `textEncoding`, UTF-32 included, which `TextDecoder` does not know. Throws what it throws for other labels. */
export function textDecoder(label: string): PieceDecoder {
  return label === "utf-32le" || label === "utf-32be" ? new Utf32Decoder(label) : new TextDecoder(label);
}

const mark = 0xfeff;
const replacement = "\ufffd";
/** So many characters are joined at once: each is an argument of a call. */
const together = 4_096;

class Utf32Decoder implements PieceDecoder {
  readonly encoding: string;
  #rest: Uint8Array = new Uint8Array();
  #isFirst = true;

  constructor(encoding: "utf-32le" | "utf-32be") {
    this.encoding = encoding;
  }

  decode(bytes: Uint8Array = new Uint8Array(), { stream = false } = {}): string {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const whole = all.length - (all.length % 4);
    const view = new DataView(all.buffer, all.byteOffset, whole);
    let text = "";
    for (let at = 0; at < whole; ) {
      const codes: number[] = [];
      for (; at < whole && codes.length < together; at += 4) {
        const code = view.getUint32(at, this.encoding === "utf-32le");
        if (!(this.#isFirst && code === mark)) codes.push(isCharacter(code) ? code : 0xfffd);
        this.#isFirst = false;
      }
      text += String.fromCodePoint(...codes);
    }
    this.#rest = all.slice(whole);
    if (stream || this.#rest.length === 0) return text;
    this.#rest = new Uint8Array();
    return text + replacement;
  }
}

/** Whether a number is a character's: no half of one, and not beyond the last. */
export function isCharacter(code: number): boolean {
  return code <= 0x10_ffff && (code < 0xd800 || code > 0xdfff);
}
