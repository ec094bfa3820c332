import { createReadStream } from "node:fs";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { SluiceError } from "@sluice/contracts";

/** What clamd said of a file; `too_large` is its own limit (StreamMaxLength). */
type Verdict = "clean" | "infected" | "too_large";

const longestReply = 4_096;

/** A length and what it is the length of; a length of zero is the end. */
function framed(chunk: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(chunk.length);
  return Buffer.concat([length, chunk]);
}

/** The names of what was found are left behind: they may quote a file's name. */
function verdictOf(reply: string): Verdict {
  if (/ OK$/.test(reply)) return "clean";
  if (/ FOUND$/.test(reply)) return "infected";
  if (/size limit exceeded/i.test(reply)) return "too_large";
  throw Object.assign(new Error("clamd gave no verdict"), { code: "CLAMD_REPLY" });
}

/** Sends the file; it ends early when clamd has answered before it has read all, as it does with what is too large. */
async function send(file: string, socket: Socket, isAnswered: () => boolean): Promise<void> {
  socket.write("zINSTREAM\0");
  for await (const chunk of createReadStream(file, { highWaterMark: 64 * 1024 })) {
    // What has arrived is read before more is written: a write to a connection that clamd has closed loses what it said.
    await setImmediate();
    if (isAnswered() || socket.destroyed) return;
    if (!socket.write(framed(chunk as Buffer)))
      await new Promise<void>((resolve) => socket.once("drain", resolve).once("close", () => resolve()));
  }
  if (!socket.destroyed) socket.write(Buffer.alloc(4));
}

function ask(
  to: { host: string; port: number },
  file: string,
  silenceMs: number,
  signal: AbortSignal,
): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const socket = connect(to);
    let reply = "";
    const fail = (error: unknown) => {
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(silenceMs, () => fail(Object.assign(new Error("clamd is silent"), { code: "ETIMEDOUT" })));
    socket.setEncoding("latin1").on("data", (text: string) => {
      reply += text;
      if (reply.length > longestReply) fail(new Error("clamd says too much"));
    });
    // What was said before the connection broke counts: clamd closes on who sends on after its limit.
    let broken: unknown;
    socket.on("error", (error) => {
      broken = error;
    });
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      const said = reply.split("\0")[0]?.trim() ?? "";
      try {
        if (said === "") throw broken ?? Object.assign(new Error("clamd hung up"), { code: "ECONNRESET" });
        resolve(verdictOf(said));
      } catch (error) {
        reject(error);
      }
    });
    send(file, socket, () => reply.includes("\0")).catch(fail);
  });
}

/**
 * Lets clamd look at originals, over INSTREAM, before anything opens them. Resolves for a clean one. Throws `document_infected`,
 * `document_unscannable`, or `scanner_unavailable` where there is no verdict: what was not scanned is not opened.
 */
export function createScanner(options: { host: string; port: number; timeoutMs: number }) {
  return async (file: string, signal: AbortSignal): Promise<void> => {
    let verdict: Verdict;
    try {
      verdict = await ask(options, file, options.timeoutMs, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new SluiceError("scanner_unavailable", { cause: error });
    }
    if (verdict === "infected") throw new SluiceError("document_infected");
    if (verdict === "too_large") throw new SluiceError("document_unscannable");
  };
}
