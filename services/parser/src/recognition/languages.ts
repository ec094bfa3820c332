import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);

/** The file with a language's data as tesseract.js reads it, from the package `@tesseract.js-data/<language>`; undefined where it is not installed. */
export function trainedData(language: string): string | undefined {
  try {
    const home = require.resolve(`@tesseract.js-data/${language}/package.json`);
    return join(home, "..", "4.0.0_best_int", `${language}.traineddata.gz`);
  } catch {
    return undefined;
  }
}

export function tesseractJsVersion(): string {
  return (require("tesseract.js-core/package.json") as { version: string }).version;
}
