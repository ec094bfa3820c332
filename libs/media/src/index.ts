/**
 * Which kind of file something is, judged by its content, and which kinds are taken in. Names and declared types are
 * hints at best: a `.pdf` that is HTML is HTML.
 */
export { type Family, families } from "./family.js";
export { type Judgement, sniff } from "./sniff.js";
export { isSupported, type SupportedType, supportedTypes } from "./supported.js";
export { isTarHead } from "./tar-head.js";
export { type PieceDecoder, textDecoder } from "./text-decoder.js";
export { isWide, textEncoding } from "./text-encoding.js";
export { type XmlRoot, xmlRoot } from "./xml-structure.js";
