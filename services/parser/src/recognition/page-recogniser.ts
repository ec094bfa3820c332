import type { RecognisedPage } from "@sluice/contracts";
import { type Grey, type Turn, turn } from "../picture/grey.js";
import type { Picture } from "../picture/picture.js";
import { inkOf } from "./ink.js";
import { credit, isConvincing, legibleText } from "./legibility.js";
import { busiestPart, prepare } from "./prepare.js";
import type { Recogniser } from "./recogniser.js";
import type { ReadLine, TextReader } from "./text-reader.js";

/** Raised whenever the same page would be recognised differently: pages are kept under it. */
const revision = 1;
/** Fewer pixels of ink, at 100 dots an inch, than a letter or two has. */
const noInk = 12;
/** Of a page on which nothing was read: less is dust, more is writing that can't be read. */
const dust = 40;
/** Engines refuse smaller pictures. */
const smallestSide = 16;
/** The part of a page that is tried each way round: some three inches, a dozen lines. */
const sampleSide = 1_000;
/** How much better the page must read when it is turned, not to be left as it was sent. */
const clearlyBetter = 1.25;

const turns = [0, 90, 180, 270] as const;

/** Finds out how a page stands and whether there is anything on it, and takes of what the engine reads only what is legible. */
export class PageRecogniser implements Recogniser {
  readonly engine: string;
  readonly #reader: TextReader;

  constructor(reader: TextReader) {
    this.#reader = reader;
    this.engine = `${reader.engine} r${revision}`;
  }

  async recognise(picture: Picture, signal: AbortSignal): Promise<RecognisedPage> {
    const { page, dpi } = prepare(picture);
    const ink = inkOf(page, dpi);
    const nothing = { text: "", lines: [], rotation: 0, confidence: 0 } as const;
    if (ink.all < noInk) return { ...nothing, lines: [], kind: "blank" };
    const { read, rotation } = await this.#upright(page, dpi, ink.isSideways, signal);
    const { isLegible, ...text } = legibleText(read);
    if (isLegible) return { kind: "ocr", rotation, ...text };
    return { ...nothing, lines: [], kind: ink.inner < dust ? "blank" : "unreadable", confidence: text.confidence };
  }

  /** Most pages stand upright, and are read once. Where that convinces nobody, a part of the page is tried each way round. */
  async #upright(
    page: Grey,
    dpi: number,
    isSideways: boolean,
    signal: AbortSignal,
  ): Promise<{ read: ReadLine[]; rotation: Turn }> {
    if (Math.min(page.width, page.height) < smallestSide) return { read: [], rotation: 0 };
    const asSent = isSideways ? null : await this.#reader.read(page, dpi, signal);
    if (asSent && isConvincing(asSent)) return { read: asSent, rotation: 0 };
    const sample = busiestPart(page, sampleSide);
    const isWhole = sample.width === page.width && sample.height === page.height;
    const tried: { rotation: Turn; read: ReadLine[]; credit: number }[] = [];
    for (const rotation of turns) {
      const isKnown = asSent && isWhole && rotation === 0;
      const read = isKnown ? asSent : await this.#reader.read(turn(sample, rotation), dpi, signal);
      tried.push({ rotation, read, credit: credit(read) });
    }
    const [first] = tried as [(typeof tried)[number]];
    const best = tried.reduce((a, b) => (b.credit > a.credit ? b : a));
    const { rotation, read } = best.credit > first.credit * clearlyBetter ? best : first;
    if (isWhole) return { read, rotation };
    if (rotation === 0 && asSent) return { read: asSent, rotation };
    return { read: await this.#reader.read(turn(page, rotation), dpi, signal), rotation };
  }
}
