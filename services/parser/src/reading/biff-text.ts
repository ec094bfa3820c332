/** Strings of Excel 97 and later, which may be broken off anywhere and go on in the next record. */
export class BiffText {
  readonly #parts: readonly Buffer[];
  #part = 0;
  #at = 0;

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
  }

  get isAtEnd(): boolean {
    this.#settle();
    return this.#part >= this.#parts.length;
  }

  string(lengthSize: 1 | 2): string {
    const length = lengthSize === 1 ? this.#byte() : this.#word();
    const flags = this.#byte();
    const runs = flags & 8 ? this.#word() : 0;
    const extra = flags & 4 ? this.#word() + this.#word() * 65_536 : 0;
    const text = this.#letters(length, (flags & 1) === 1);
    this.#skip(runs * 4 + extra);
    return text;
  }

  /** Letters behind a flag, without their number. */
  characters(length: number): string {
    return this.#letters(length, (this.#byte() & 1) === 1);
  }

  #letters(length: number, isWide: boolean): string {
    let text = "";
    let wide = isWide;
    while (text.length < length) {
      const part = this.#parts[this.#part];
      if (!part) break;
      const most = Math.floor((part.length - this.#at) / (wide ? 2 : 1));
      const count = Math.min(most, length - text.length);
      const end = this.#at + count * (wide ? 2 : 1);
      text += part.toString(wide ? "utf16le" : "latin1", this.#at, end);
      this.#at = end;
      if (text.length >= length) break;
      // The rest begins with a flag of its own.
      [this.#part, this.#at] = [this.#part + 1, 0];
      wide = (this.#byte() & 1) === 1;
    }
    return text;
  }

  #byte(): number {
    this.#settle();
    return this.#parts[this.#part]?.[this.#at++] ?? 0;
  }

  #word(): number {
    return this.#byte() + this.#byte() * 256;
  }

  #skip(length: number): void {
    for (let left = length; left > 0 && !this.isAtEnd; ) {
      const step = Math.min(left, (this.#parts[this.#part]?.length ?? 0) - this.#at);
      this.#at += step;
      left -= step;
    }
  }

  #settle(): void {
    while (this.#part < this.#parts.length && this.#at >= (this.#parts[this.#part]?.length ?? 0)) {
      [this.#part, this.#at] = [this.#part + 1, 0];
    }
  }
}
