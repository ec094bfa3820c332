/** What the properties of a stretch of text say of it that matters here. */
export interface Mark {
  from: number;
  to: number;
  isRowEnd: boolean;
  isInTable: boolean;
  isHidden: boolean;
  isStruck: boolean;
  isRaised: boolean;
  heading: number | undefined;
  /** The list that the paragraph is in, from 1, and its level there, from 0. */
  list: number;
  level: number;
}

export interface Marks {
  paragraphs: Mark[];
  characters: Mark[];
}

const pageLength = 512;
/** Properties by their codes. */
const property = {
  inTable: 0x2416,
  rowEnd: 0x2417,
  deleted: 0x0800,
  vanished: 0x083c,
  tableDefinition: 0xd608,
  struck: 0x0837,
  struckTwice: 0x2a53,
  raised: 0x2a48,
  list: 0x460b,
  listLevel: 0x260a,
};
/** Bytes of a property's value by the upper bits of its code; 0: said by the byte before it. */
const valueLengths = [1, 1, 2, 4, 2, 2, 0, 3];

/** The marks of a Word file, in the order of their places in the stream. */
export function readMarks(
  stream: Buffer,
  table: Buffer,
  field: { characterMarks: number; paragraphMarks: number },
): Marks {
  const at = (place: number, areParagraphs: boolean) =>
    marks(stream, table, stream.readUInt32LE(place), stream.readUInt32LE(place + 4), areParagraphs);
  return { paragraphs: at(field.paragraphMarks, true), characters: at(field.characterMarks, false) };
}

/** The mark over a place, by halving. */
export function markAt(sorted: readonly Mark[], place: number): Mark | undefined {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const mark = sorted[middle] as Mark;
    if (place < mark.from) high = middle - 1;
    else if (place >= mark.to) low = middle + 1;
    else return mark;
  }
  return undefined;
}

function marks(stream: Buffer, table: Buffer, start: number, length: number, areParagraphs: boolean): Mark[] {
  const count = Math.min(Math.floor((length - 4) / 8), Math.floor(stream.length / pageLength));
  const found: Mark[] = [];
  for (let index = 0; index < count; index += 1) {
    const place = start + (count + 1) * 4 + index * 4;
    if (place + 4 > table.length) break;
    const page = table.readUInt32LE(place) * pageLength;
    if (page + pageLength <= stream.length)
      found.push(...pageMarks(stream.subarray(page, page + pageLength), areParagraphs));
  }
  return found.sort((one, two) => one.from - two.from);
}

function pageMarks(page: Buffer, areParagraphs: boolean): Mark[] {
  const count = page[pageLength - 1] ?? 0;
  const found: Mark[] = [];
  for (let index = 0; index < count && (index + 2) * 4 <= pageLength; index += 1) {
    const mark: Mark = {
      from: page.readUInt32LE(index * 4),
      to: page.readUInt32LE((index + 1) * 4),
      isRowEnd: false,
      isInTable: false,
      isHidden: false,
      isStruck: false,
      isRaised: false,
      heading: undefined,
      list: 0,
      level: 0,
    };
    const offset = (page[(count + 1) * 4 + index * (areParagraphs ? 13 : 1)] ?? 0) * 2;
    if (offset > 0) applyAt(page, offset, areParagraphs, mark);
    found.push(mark);
  }
  return found;
}

function applyAt(page: Buffer, offset: number, isParagraph: boolean, mark: Mark): void {
  let at = offset;
  let length = page[at] ?? 0;
  at += 1;
  if (isParagraph) {
    // A zero says that the length is in the next byte, in words.
    if (length === 0) length = (page[at++] ?? 0) * 2;
    else length = length * 2 - 1;
    const style = at + 2 <= page.length ? page.readUInt16LE(at) : 0;
    if (style >= 1 && style <= 9) mark.heading = style;
    at += 2;
    length -= 2;
  }
  applyProperties(page.subarray(at, at + Math.max(0, length)), mark);
}

function applyProperties(list: Buffer, mark: Mark): void {
  for (let at = 0; at + 3 <= list.length; ) {
    const code = list.readUInt16LE(at);
    const value = list[at + 2] ?? 0;
    if (code === property.inTable && value !== 0) mark.isInTable = true;
    if (code === property.rowEnd && value !== 0) mark.isRowEnd = true;
    if ((code === property.deleted || code === property.vanished) && value !== 0) mark.isHidden = true;
    if ((code === property.struck || code === property.struckTwice) && value !== 0) mark.isStruck = true;
    if (code === property.raised && value === 1) mark.isRaised = true;
    if (code === property.list && at + 4 <= list.length) mark.list = list.readUInt16LE(at + 2);
    if (code === property.listLevel) mark.level = Math.min(value, 8);
    const fixed = valueLengths[code >> 13] ?? 1;
    if (code === property.tableDefinition && at + 4 <= list.length) at += 3 + list.readUInt16LE(at + 2);
    else at += 2 + (fixed || value + 1);
  }
}
