import type { Grey } from "../picture/grey.js";

/** Left, top, right and bottom in pixels. */
export type Box = [left: number, top: number, right: number, bottom: number];

export interface ReadWord {
  text: string;
  /** 0 to 1, as the engine says. */
  confidence: number;
}

export interface ReadLine {
  words: ReadWord[];
  box: Box;
  /** Lines of one paragraph share it. */
  paragraph: number;
}

/** An engine that reads an upright picture, whatever it is worth. */
export interface TextReader {
  /** Name, version and languages. */
  readonly engine: string;
  read(picture: Grey, dpi: number, signal: AbortSignal): Promise<ReadLine[]>;
}
