import type { RecognisedPage } from "@sluice/contracts";
import type { Picture } from "../picture/picture.js";

/** Reads text off pictures. Lives in the isolated process, where it may start processes of its own: they are ended with it. */
export interface Recogniser {
  /** Name, version and languages: recognised pages are kept under it, and found again only by an equal one. */
  readonly engine: string;
  /** Invents nothing: a page without legible text has an empty one. `signal` aborts when the parse is given up. */
  recognise(picture: Picture, signal: AbortSignal): Promise<RecognisedPage>;
}

/** Pages that were recognised before, by whichever worker. */
export interface RecognisedPages {
  find(engine: string, page: number): Promise<RecognisedPage | null>;
  keep(engine: string, page: number, result: RecognisedPage): Promise<void>;
}

/** What a run may do about pages that need recognition. */
export type Recognition =
  /** Nothing here: the run ends, to begin anew where there is a recogniser. */
  | { kind: "elsewhere" }
  /** Nothing anywhere: they stay pictures. */
  | { kind: "none" }
  | { kind: "here"; recogniser: Recogniser; pages: RecognisedPages; signal: AbortSignal };

/** Ends a run that met a page that has to be recognised elsewhere. */
export class RecognitionNeeded extends Error {
  override readonly name = "RecognitionNeeded";
}
