import type { Limits, Output } from "../formats/format.js";
import { Compound } from "./compound.js";
import type { Zip, ZipMember } from "./zip.js";

/** Objects larger than this are handed on without a look inside, which takes them into memory. */
const maxObject = 64 * 1024 * 1024;

/** Hands on the files that an Office document holds in `embeddings`; an object of a program's own is opened for the file in it. */
export async function writeEmbedded(zip: Zip, folder: string, out: Output, limits: Limits): Promise<void> {
  const inside = zip.members.filter(({ name }) => isEmbedded(name, folder));
  for (const member of inside) {
    const fileName = member.name.slice(member.name.lastIndexOf("/") + 1);
    const isObject =
      /\.(bin|ole)$/i.test(fileName) && member.entry.uncompressedSize <= Math.min(maxObject, limits.maxExpandedBytes);
    if (isObject) await writeObject(zip, member, fileName, out);
    else await out.child({ path: member.name, fileName, declaredType: null, bytes: zip.stream(member) });
  }
}

function isEmbedded(name: string, folder: string): boolean {
  const own = name.toLowerCase();
  return own.startsWith(`${folder}embeddings/`) && !own.endsWith("/") && !own.includes("/_rels/");
}

async function writeObject(zip: Zip, member: ZipMember, fileName: string, out: Output): Promise<void> {
  const bytes = await zip.read(member);
  const payload = objectPayload(bytes);
  if (payload)
    await out.child({
      path: member.name,
      fileName: payload.name ?? fileName,
      declaredType: null,
      bytes: payload.bytes,
    });
  else out.warn("embedded_object_skipped");
}

/** Streams that make a compound file a document by itself. */
const documents = ["WordDocument", "Workbook", "Book", "PowerPoint Document", "__properties_version1.0"];

/** The file within an OLE object; undefined where there is none that a reader would know. */
export function objectPayload(bytes: Buffer): { name: string | null; bytes: Buffer } | undefined {
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== 0xe011cfd0) return { name: null, bytes };
  let file: Compound;
  try {
    file = new Compound(bytes);
  } catch {
    return undefined;
  }
  if (documents.some((name) => file.streams.has(name))) return { name: null, bytes };
  return contained((name) => file.find(name));
}

/** A file that was dropped into a document: size, flags, label, path, then its bytes with their length. */
function packaged(native: Buffer): { name: string | null; bytes: Buffer } | undefined {
  let at = 6;
  const string = () => {
    const end = native.indexOf(0, at);
    if (end === -1) return "";
    const text = native.toString("latin1", at, end);
    at = end + 1;
    return text;
  };
  const label = string();
  string();
  at += 4;
  if (at + 4 > native.length) return undefined;
  at += 4 + native.readUInt32LE(at);
  if (at + 4 > native.length) return undefined;
  const bytes = native.subarray(at + 4, at + 4 + native.readUInt32LE(at));
  return bytes.length > 0 ? { name: label.slice(label.lastIndexOf("\\") + 1) || null, bytes } : undefined;
}

/** The files in a compound document's storages of objects, which have names of one kind, as `MBD0001` in a workbook. */
export async function writeStorages(file: Compound, storage: RegExp, out: Output): Promise<void> {
  const seen = new Set<string>();
  for (const path of file.streams.keys()) {
    const folder = path.split("/").find((part) => storage.test(part));
    if (!folder) continue;
    const top = path.slice(0, path.indexOf(folder) + folder.length);
    if (seen.has(top)) continue;
    seen.add(top);
    const payload = contained((name) => file.find(`${top}/${name}`));
    if (payload) await out.child({ path: top, fileName: payload.name, declaredType: null, bytes: payload.bytes });
    else out.warn("embedded_object_skipped");
  }
}

function contained(find: (name: string) => Buffer | undefined): { name: string | null; bytes: Buffer } | undefined {
  const whole = find("Package") ?? find("CONTENTS");
  if (whole?.length) return { name: null, bytes: whole };
  const native = find("\u0001Ole10Native");
  return native && packaged(native);
}
