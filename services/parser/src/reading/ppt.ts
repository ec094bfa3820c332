import { SluiceError } from "@sluice/contracts";

/** The records that are read. */
const record = {
  document: 0x03e8,
  slidePersist: 0x03f3,
  slideList: 0x0ff0,
  wideText: 0x0fa0,
  text: 0x0fa8,
  userEdit: 0x0ff5,
  persistDirectory: 0x1772,
  headerFooterText: 0x0fba,
} as const;

const headLength = 8;
const [slides, notes] = [0, 2];

interface PptRecord {
  type: number;
  instance: number;
  isContainer: boolean;
  data: Buffer;
}

export interface PptSlide {
  text: string[];
  notes: string[];
}

/** Text of a presentation of PowerPoint 97 to 2003, a slide each, as it was last saved. Fails with `document_encrypted` and `document_corrupt`. */
export function readPpt(stream: Buffer, currentUser: Buffer): PptSlide[] {
  if (currentUser.length < 20) throw new SluiceError("document_corrupt");
  const { places, document } = persisted(stream, currentUser.readUInt32LE(16));
  const whole = recordAt(stream, places.get(document) ?? -1);
  if (whole?.type !== record.document) throw new SluiceError("document_corrupt");
  const lists = [...children(whole.data)].filter(({ type }) => type === record.slideList);
  const of = (instance: number) =>
    lists.filter((list) => list.instance === instance).flatMap((list) => listed(list, stream, places));
  const remarks = of(notes);
  return of(slides).map((text, index) => ({ text, notes: remarks[index] ?? [] }));
}

/** Where the records of each number lie, by the chain of saves from the last one back. */
function persisted(stream: Buffer, last: number): { places: Map<number, number>; document: number } {
  const places = new Map<number, number>();
  const seen = new Set<number>();
  let document = 0;
  for (let at = last; at > 0; ) {
    const edit = recordAt(stream, at);
    if (edit?.type !== record.userEdit || seen.has(at)) throw new SluiceError("document_corrupt");
    seen.add(at);
    if (edit.data.length >= 32 && edit.data.readUInt32LE(28) !== 0) throw new SluiceError("document_encrypted");
    document ||= edit.data.readUInt32LE(16);
    const directory = recordAt(stream, edit.data.readUInt32LE(12));
    if (directory?.type !== record.persistDirectory) throw new SluiceError("document_corrupt");
    collect(directory.data, places);
    at = edit.data.readUInt32LE(8);
  }
  return { places, document };
}

/** Runs of offsets: a number with how many follow it. What a later save said stays. */
function collect(directory: Buffer, places: Map<number, number>): void {
  for (let at = 0; at + 4 <= directory.length; ) {
    const head = directory.readUInt32LE(at);
    at += 4;
    const first = head & 0xfffff;
    for (let index = 0; index < head >>> 20 && at + 4 <= directory.length; index += 1, at += 4) {
      if (!places.has(first + index)) places.set(first + index, directory.readUInt32LE(at));
    }
  }
}

/** Each slide's text: of its outline, which the list holds, and of its other shapes. */
function listed(list: PptRecord, stream: Buffer, places: ReadonlyMap<number, number>): string[][] {
  const found: string[][] = [];
  for (const each of children(list.data)) {
    if (each.type === record.slidePersist) {
      const slide = recordAt(stream, places.get(each.data.readUInt32LE(0)) ?? -1);
      found.push(slide ? [...texts(slide, 0)] : []);
      found.push([]);
    } else found.at(-1)?.push(...texts(each, 0));
  }
  // Outline first, then what the slide itself holds and the outline does not say.
  const merged: string[][] = [];
  for (let index = 0; index < found.length; index += 2)
    merged.push([...new Set([...(found[index + 1] ?? []), ...(found[index] ?? [])])]);
  return merged;
}

const maxDepth = 32;

function* texts(each: PptRecord, depth: number): Generator<string> {
  if (depth > maxDepth) throw new SluiceError("limit_nesting");
  const text =
    each.type === record.wideText
      ? each.data.toString("utf16le")
      : each.type === record.text
        ? each.data.toString("latin1")
        : "";
  const own = text.replace(/[\r\v]/g, "\n").trim();
  if (own && own !== "*") yield own;
  if (each.isContainer) for (const child of children(each.data)) yield* texts(child, depth + 1);
}

function* children(data: Buffer): Generator<PptRecord> {
  for (let at = 0; at + headLength <= data.length; ) {
    const child = recordAt(data, at);
    if (!child) return;
    yield child;
    at += headLength + data.readUInt32LE(at + 4);
  }
}

function recordAt(data: Buffer, at: number): PptRecord | undefined {
  if (at < 0 || at + headLength > data.length) return undefined;
  const head = data.readUInt16LE(at);
  const start = at + headLength;
  return {
    type: data.readUInt16LE(at + 2),
    instance: head >> 4,
    isContainer: (head & 0xf) === 0xf,
    data: data.subarray(start, start + data.readUInt32LE(at + 4)),
  };
}
