import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Engine } from "./engine.js";
import { tesseractJsVersion, trainedData } from "./languages.js";

/** auto: the installed tesseract, where it has the languages, else tesseract.js · off: pages that are pictures stay so */
export const engineChoices = ["auto", "tesseract", "tesseract.js", "off"] as const;
export type EngineChoice = (typeof engineChoices)[number];

export interface EngineOptions {
  choice: EngineChoice;
  languages: readonly string[];
}

const run = promisify(execFile);

/**
 * Looks once, at the start, which engine there is for the languages; null where recognition is off. Fails, in words for the
 * operator, where what was asked for is not there.
 */
export async function chooseEngine({ choice, languages }: EngineOptions): Promise<Engine | null> {
  if (choice === "off") return null;
  const installed = choice === "tesseract.js" ? null : await findInstalled();
  if (installed && languages.every((language) => installed.languages.includes(language)))
    return {
      name: "tesseract",
      path: installed.path,
      dataFolder: installed.dataFolder,
      version: installed.version,
      languages,
    };
  if (choice === "tesseract") {
    throw new Error(
      installed
        ? `OCR=tesseract, but tesseract lacks the data of a language in OCR_LANGUAGES=${languages.join(",")}.`
        : "OCR=tesseract, but there is no tesseract on the PATH.",
    );
  }
  const missing = languages.filter((language) => !trainedData(language));
  if (missing.length > 0) {
    const packages = missing.map((language) => `@tesseract.js-data/${language}`).join(" ");
    throw new Error(`Recognition lacks the data of a language in OCR_LANGUAGES: npm install ${packages}`);
  }
  return { name: "tesseract.js", version: tesseractJsVersion(), languages };
}

interface Installed {
  path: string;
  /** Of its language data, where it tells: the isolated processes do not have the environment that may name it. */
  dataFolder: string | null;
  version: string;
  languages: string[];
}

/** The tesseract on the PATH with its version and languages; null where there is none that can be used. */
export async function findInstalled(): Promise<Installed | null> {
  try {
    const { stdout: path } = await run("sh", ["-c", "command -v tesseract"]);
    const program = path.trim();
    const [version, list] = await Promise.all([run(program, ["--version"]), run(program, ["--list-langs"])]);
    const [, number] = /^tesseract v?(\d[\w.-]*)/m.exec(version.stdout + version.stderr) ?? [];
    // Older ones have no neural recognition.
    if (!number || Number.parseInt(number, 10) < 4) return null;
    const [head = "", ...languages] = `${list.stdout}${list.stderr}`.split("\n").map((line) => line.trim());
    return { path: program, dataFolder: /"(.+)"/.exec(head)?.[1] ?? null, version: number, languages };
  } catch {
    return null;
  }
}
