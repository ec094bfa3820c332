import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Grey, pgmOf } from "../picture/grey.js";
import type { Engine } from "./engine.js";
import { trainedData } from "./languages.js";
import { linesOfTable } from "./tesseract-table.js";
import type { ReadLine, TextReader } from "./text-reader.js";

/** What is used of tesseract.js-core, which has no types: Tesseract's C++ interface as WebAssembly. */
interface Core {
  FS: { writeFile(path: string, data: Uint8Array): void; unlink(path: string): void };
  TessBaseAPI: new () => Api;
}
interface Api {
  /** 0 when it went well. */
  Init(folder: string, languages: string, mode: number): number;
  SetVariable(name: string, value: string): boolean;
  SetPageSegMode(mode: number): void;
  /** Reads `/input`; 0 when it went well. */
  SetImageFile(exif: number, angle: number): number;
  Recognize(monitor: null): number;
  GetTSVText(page: number): string;
  Clear(): void;
}

const neuralMode = 1;
/** Finds columns and blocks by itself. */
const automaticLayout = 3;
const input = "/input";
/** The build for every processor of today; "relaxed" SIMD would read differently from one to the next. */
const build = "tesseract.js-core/tesseract-core-simd-lstm";

/** The engine of tesseract.js, which needs nothing installed, with the language data of npm packages. */
export function createBundledReader(engine: Extract<Engine, { name: "tesseract.js" }>): TextReader {
  let opening: Promise<{ core: Core; api: Api }> | undefined;
  return {
    engine: `tesseract.js ${engine.version} ${engine.languages.join("+")}`,
    async read(picture: Grey, dpi: number): Promise<ReadLine[]> {
      opening ??= open(engine.languages);
      const { core, api } = await opening;
      core.FS.writeFile(input, pgmOf(picture));
      if (api.SetImageFile(1, 0) !== 0) throw new Error("tesseract.js does not take the picture");
      api.SetVariable("user_defined_dpi", String(dpi));
      // It keeps this process busy until it is done; another one watches the time.
      if (api.Recognize(null) !== 0) throw new Error("tesseract.js failed");
      const table = api.GetTSVText(0);
      api.Clear();
      core.FS.unlink(input);
      return linesOfTable(table);
    },
  };
}

async function open(languages: readonly string[]): Promise<{ core: Core; api: Api }> {
  const createCore = createRequire(import.meta.url)(build) as (options: object) => Promise<Core>;
  const silent = () => {};
  const core = await createCore({ print: silent, printErr: silent, TesseractProgress: silent });
  for (const language of languages) {
    const packed = await readFile(trainedData(language) ?? "");
    core.FS.writeFile(`/${language}.traineddata`, await promisify(gunzip)(packed));
  }
  const api = new core.TessBaseAPI();
  if (api.Init("/", languages.join("+"), neuralMode) !== 0) throw new Error("tesseract.js does not take the languages");
  api.SetPageSegMode(automaticLayout);
  return { core, api };
}
