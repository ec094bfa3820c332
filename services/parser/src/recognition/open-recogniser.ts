import { createBundledReader } from "./bundled-reader.js";
import type { Engine } from "./engine.js";
import { createNativeReader } from "./native-reader.js";
import { PageRecogniser } from "./page-recogniser.js";
import type { Recogniser } from "./recogniser.js";

/** The recogniser on the engine that was chosen; starts nothing before its first page. */
export function openRecogniser(engine: Engine): Recogniser {
  return new PageRecogniser(engine.name === "tesseract" ? createNativeReader(engine) : createBundledReader(engine));
}
