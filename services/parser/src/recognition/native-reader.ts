import { spawn } from "node:child_process";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type Grey, pgmOf } from "../picture/grey.js";
import type { Engine } from "./engine.js";
import { linesOfTable } from "./tesseract-table.js";
import type { ReadLine, TextReader } from "./text-reader.js";

/** The tesseract that is installed, a process a picture, which belongs to this process's group and ends with it. */
export function createNativeReader(engine: Extract<Engine, { name: "tesseract" }>): TextReader {
  const languages = engine.languages.join("+");
  const folder = engine.dataFolder === null ? [] : ["--tessdata-dir", engine.dataFolder];
  return {
    engine: `tesseract ${engine.version} ${languages}`,
    async read(picture: Grey, dpi: number, signal: AbortSignal): Promise<ReadLine[]> {
      const child = spawn(
        engine.path,
        [
          ...folder,
          "stdin",
          "stdout",
          "-l",
          languages,
          "--psm",
          "3",
          "--dpi",
          String(dpi),
          "-c",
          "tessedit_create_tsv=1",
        ],
        // One thread each: workers are many. What it prints may hold a document's text.
        {
          env: { OMP_THREAD_LIMIT: "1", LC_ALL: "C" },
          stdio: ["pipe", "pipe", "ignore"],
          signal,
          killSignal: "SIGKILL",
        },
      );
      const exit = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
      const [status, table] = await Promise.all([
        exit,
        buffer(child.stdout),
        // It may refuse the picture before it has read it; its status tells.
        pipeline([pgmOf(picture)], child.stdin).catch(() => {}),
      ]);
      if (status !== 0) throw new Error(`tesseract ended with status ${status}`);
      return linesOfTable(table.toString("utf8"));
    },
  };
}
