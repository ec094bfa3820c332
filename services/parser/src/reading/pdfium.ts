import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PDFiumModule } from "@hyzyla/pdfium";

/** As much of it as is used; TypeScript has it with the browser's types only. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<Code>;
  Instance: new (code: Code, imports: object) => Instance;
};
interface Code {
  readonly wasm: "compiled";
}
interface Instance {
  readonly exports: Functions & { memory: { readonly buffer: ArrayBuffer } };
}

type Call = (...values: number[]) => number;
/** Of PDFium's own functions, those that are called here: https://pdfium.googlesource.com/pdfium/+/refs/heads/main/public/ */
export type Functions = Record<
  | "malloc"
  | "free"
  | "PDFium_Init"
  | "FPDF_LoadMemDocument"
  | "FPDF_CloseDocument"
  | "FPDF_DocumentHasValidCrossReferenceTable"
  | "FPDF_GetPageCount"
  | "FPDF_GetMetaText"
  | "FPDF_GetFormType"
  | "FPDF_GetXFAPacketCount"
  | "FPDF_GetXFAPacketName"
  | "FPDF_GetXFAPacketContent"
  | "FPDFDoc_GetAttachmentCount"
  | "FPDFBookmark_GetFirstChild"
  | "FPDFBookmark_GetNextSibling"
  | "FPDFBookmark_GetTitle"
  | "FPDFBookmark_GetDest"
  | "FPDFDest_GetDestPageIndex"
  | "FPDF_LoadPage"
  | "FPDF_ClosePage"
  | "FPDF_GetPageBoundingBox"
  | "FPDFPage_GetRotation"
  | "FPDFPage_GetAnnotCount"
  | "FPDFPage_GetAnnot"
  | "FPDFPage_CloseAnnot"
  | "FPDFAnnot_GetSubtype"
  | "FPDFPage_CountObjects"
  | "FPDFPage_GetObject"
  | "FPDFPageObj_GetType"
  | "FPDFPageObj_GetMatrix"
  | "FPDFFormObj_CountObjects"
  | "FPDFFormObj_GetObject"
  | "FPDFText_LoadPage"
  | "FPDFText_ClosePage"
  | "FPDFText_CountChars"
  | "FPDFText_GetUnicode"
  | "FPDFText_IsGenerated"
  | "FPDFText_HasUnicodeMapError"
  | "FPDFText_GetTextObject"
  | "FPDFText_GetLooseCharBox"
  | "FPDFText_GetCharOrigin"
  | "FPDFText_GetMatrix"
  | "FPDFText_GetFontSize",
  Call
>;

const compiled = readFile(fileURLToPath(import.meta.resolve("@hyzyla/pdfium/pdfium.wasm"))).then((bytes) =>
  WebAssembly.compile(new Uint8Array(bytes)),
);
/** Its memory never shrinks; one that has grown beyond is not used again. */
const maxSpareBytes = 96 * 1024 * 1024;

/** PDFium in a memory of its own. After a fault nothing is known of that memory, and a fresh one is taken. */
export class Pdfium {
  static #spare: Pdfium | undefined;
  readonly call: Functions;
  readonly #memory: { readonly buffer: ArrayBuffer };
  #view: DataView;

  private constructor({ exports }: Instance) {
    this.call = exports;
    this.#memory = exports.memory;
    this.#view = new DataView(this.#memory.buffer);
  }

  /** For one document at a time. */
  static async take(): Promise<Pdfium> {
    const spare = Pdfium.#spare;
    Pdfium.#spare = undefined;
    return spare ?? Pdfium.#start();
  }

  static async #start(): Promise<Pdfium> {
    const code = await compiled;
    let instance: Instance | undefined;
    const options = {
      instantiateWasm: (imports: object, ready: (instance: Instance) => void) => {
        instance = new WebAssembly.Instance(code, imports);
        ready(instance);
        return instance.exports;
      },
      print: () => {},
      printErr: () => {},
    };
    // The functions that the package gives check every call, at an eighth of the time of reading a page; those beneath are taken.
    await PDFiumModule(options as unknown as Parameters<typeof PDFiumModule>[0]);
    if (!instance) throw new Error("PDFium did not start");
    instance.exports.PDFium_Init();
    return new Pdfium(instance);
  }

  /** Gives it back after a document that left nothing behind. */
  spare(): void {
    if (this.#memory.buffer.byteLength <= maxSpareBytes) Pdfium.#spare = this;
  }

  /** Four numbers. */
  floats(place: number, into: [number, number, number, number]): void {
    const view = this.#now();
    into[0] = view.getFloat32(place, true);
    into[1] = view.getFloat32(place + 4, true);
    into[2] = view.getFloat32(place + 8, true);
    into[3] = view.getFloat32(place + 12, true);
  }

  doubles(place: number): [number, number] {
    const view = this.#now();
    return [view.getFloat64(place, true), view.getFloat64(place + 8, true)];
  }

  /** Growing replaces its memory. */
  #now(): DataView {
    if (this.#view.buffer.byteLength === 0) this.#view = new DataView(this.#memory.buffer);
    return this.#view;
  }

  allocate(bytes: number): number {
    const place = this.call.malloc(bytes);
    if (place === 0) throw new RangeError("PDFium has no memory left");
    return place;
  }

  place(bytes: Uint8Array): number {
    const place = this.allocate(Math.max(1, bytes.length));
    new Uint8Array(this.#memory.buffer).set(bytes, place);
    return place;
  }

  /** A file's bytes, without another copy of them beside. */
  placeFile(path: string): { place: number; bytes: number } {
    const file = openSync(path, "r");
    try {
      const bytes = fstatSync(file).size;
      const place = this.allocate(Math.max(1, bytes));
      const room = new Uint8Array(this.#memory.buffer, place, bytes);
      for (let at = 0; at < bytes; ) {
        const read = readSync(file, room, at, bytes - at, at);
        if (read === 0) break;
        at += read;
      }
      return { place, bytes };
    } finally {
      closeSync(file);
    }
  }

  /** What a function writes that takes as much room as there is, and answers how much it takes. */
  bytes(write: (place: number, bytes: number) => number): Buffer {
    const length = write(0, 0);
    if (length <= 0) return Buffer.alloc(0);
    const place = this.allocate(length);
    try {
      write(place, length);
      return Buffer.from(new Uint8Array(this.#memory.buffer, place, length).slice());
    } finally {
      this.call.free(place);
    }
  }

  /** A number that a function left behind: a `long`. */
  long(place: number): number {
    return this.#now().getUint32(place, true);
  }

  /** What a function writes that tells the length of a string and puts as much of it as there is room for. */
  string(write: (place: number, bytes: number) => number): string {
    const bytes = write(0, 0);
    if (bytes < 2 || bytes > maxStringBytes) return "";
    const place = this.allocate(bytes);
    try {
      write(place, bytes);
      return new TextDecoder("utf-16le").decode(new Uint8Array(this.#memory.buffer, place, bytes - 2).slice());
    } finally {
      this.call.free(place);
    }
  }
}

const maxStringBytes = 1_000_000;
