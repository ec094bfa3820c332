import { createCanvas, loadImage } from "@napi-rs/canvas";
import { SluiceError } from "@sluice/contracts";
import { type Grey, greyOf } from "./grey.js";
import { type Picture, plausibleDpi } from "./picture.js";

/** What a picture's head says, before a byte of it is unpacked. */
interface PictureHead {
  width: number;
  height: number;
  dpi: Picture["dpi"];
}

/** Fails with `limit_pixels` before memory is taken. */
export function checkPixels(width: number, height: number, maxPixels: number): void {
  if (!(width > 0 && height > 0)) throw new SluiceError("document_corrupt");
  if (width * height > maxPixels) throw new SluiceError("limit_pixels");
}

/** A PNG or JPEG, upright by its EXIF. */
export async function decodePicture(bytes: Uint8Array, maxPixels: number): Promise<Picture> {
  const head = readHead(bytes);
  const { data, width, height } = await unpack(bytes, head, maxPixels);
  const { dpi } = head;
  return { data, width, height, dpi: dpi && width !== head.width ? { x: dpi.y, y: dpi.x } : dpi };
}

/** A JPEG by itself, such as those within a TIFF, as its pixels lie. */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number): Promise<Grey> {
  return unpack(bytes, jpegHead(bytes), maxPixels);
}

async function unpack(bytes: Uint8Array, head: PictureHead, maxPixels: number): Promise<Grey> {
  checkPixels(head.width, head.height, maxPixels);
  const image = await loadImage(bytes).catch((cause: unknown) => {
    throw new SluiceError("document_corrupt", { cause });
  });
  // Turned already as EXIF says.
  const { width, height } = image;
  checkPixels(width, height, maxPixels);
  const context = createCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  return greyOf(context.getImageData(0, 0, width, height).data, width, height, 4);
}

function readHead(bytes: Uint8Array): PictureHead {
  return bytes[0] === 0x89 ? pngHead(bytes) : jpegHead(bytes);
}

const inchesPerMetre = 0.0254;

function pngHead(bytes: Uint8Array): PictureHead {
  const view = viewOf(bytes);
  const head: PictureHead = { width: 0, height: 0, dpi: null };
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    const body = at + 8;
    if (type === "IHDR" && body + 8 <= bytes.length) {
      head.width = view.getUint32(body);
      head.height = view.getUint32(body + 4);
    } else if (type === "pHYs" && body + 9 <= bytes.length && view.getUint8(body + 8) === 1) {
      head.dpi = plausibleDpi(view.getUint32(body) * inchesPerMetre, view.getUint32(body + 4) * inchesPerMetre);
    } else if (type === "IDAT" && head.width > 0 && at + 12 < bytes.length) return head;
    at = body + length + 4;
  }
  throw new SluiceError("document_corrupt");
}

function jpegHead(bytes: Uint8Array): PictureHead {
  const view = viewOf(bytes);
  const head: PictureHead = { width: 0, height: 0, dpi: null };
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (view.getUint8(at) !== 0xff) {
      at += 1;
      continue;
    }
    const marker = view.getUint8(at + 1);
    if (marker === 0xff || marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    const body = at + 4;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && body + 5 <= bytes.length) {
      head.height = view.getUint16(body + 1);
      head.width = view.getUint16(body + 3);
    } else if (marker === 0xe0 && startsWith(bytes, body, "JFIF\0") && body + 12 <= bytes.length) {
      const unit = { 1: 1, 2: 2.54 }[view.getUint8(body + 7)];
      if (unit) head.dpi = plausibleDpi(view.getUint16(body + 8) * unit, view.getUint16(body + 10) * unit);
    } else if (marker === 0xda) {
      if (head.width > 0 && at + 2 + length < bytes.length) return head;
      break;
    } else if (marker === 0xd9) break;
    at += 2 + Math.max(2, length);
  }
  throw new SluiceError("document_corrupt");
}

function startsWith(bytes: Uint8Array, at: number, mark: string): boolean {
  return Buffer.from(bytes.subarray(at, at + mark.length)).toString("latin1") === mark;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
