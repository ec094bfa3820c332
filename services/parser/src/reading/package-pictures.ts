import { SluiceError } from "@sluice/contracts";
import { sniff } from "@sluice/media";
import type { Output } from "../formats/format.js";
import { minPicture } from "../writing/mail-parts.js";
import type { Package } from "./package.js";
import type { ZipMember } from "./zip.js";

/** So many of a document's pictures are handed on. */
const maxPictures = 500;
/** Larger ones are left alone. */
const maxBytes = 64 * 1024 * 1024;

const picture = /^(?:(?:word|ppt|xl)\/media|pictures)\/[^/]+$/i;
const chart = /^(?:word|ppt|xl)\/charts\/chart[^/]*\.xml$/i;
/** OpenDocument's charts, formulas and tables of other programs. */
const object = /^object [^/]*\/content\.xml$/i;
/** What stands on every page, as a letterhead. */
const everyPage = /(header|footer|slideLayout|slideMaster|notesMaster|handoutMaster|theme)\d*\.xml$/i;

/**
 * Hands on the pictures of an Office document, which may be scans: they are read as any picture is. Small ones, those that stand on every page,
 * and those of kinds that are not read are counted; so are charts, whose numbers are in an embedded workbook or nowhere.
 */
export async function writePictures(files: Package, out: Output): Promise<void> {
  const { members } = files.zip;
  for (const { name } of members) {
    if (chart.test(name)) out.warn("chart_skipped");
    if (object.test(name)) out.warn("embedded_object_skipped");
  }
  const found = members.filter(({ name, entry }) => picture.test(name) && entry.uncompressedSize > 0);
  const repeated = found.length > 0 ? await onEveryPage(files) : new Set();
  let given = 0;
  for (const member of found) {
    const size = member.entry.uncompressedSize;
    if (size < minPicture || repeated.has(member.name.toLowerCase())) out.warn("inline_picture_skipped");
    else if (size > maxBytes || given >= maxPictures || !(await hand(files, member, out))) out.warn("picture_skipped");
    else given += 1;
  }
}

async function hand(files: Package, member: ZipMember, out: Output): Promise<boolean> {
  let bytes: Buffer;
  try {
    bytes = await files.zip.read(member);
  } catch (error) {
    // A damaged picture does not take the words with it.
    if (error instanceof SluiceError && error.code.startsWith("limit_")) throw error;
    return false;
  }
  const judged = sniff(bytes.subarray(0, 4_100));
  if (!judged || !/^image\/(png|jpeg|tiff)$/.test(judged.mediaType)) return false;
  const fileName = member.name.slice(member.name.lastIndexOf("/") + 1);
  await out.child({ path: member.name, fileName, declaredType: null, bytes });
  return true;
}

/** The pictures that only headers, footers and patterns of pages show. */
async function onEveryPage(files: Package): Promise<Set<string>> {
  const [around, within] = [new Set<string>(), new Set<string>()];
  for (const { name } of files.zip.members) {
    const [, folder = "", part = ""] = /^(.*\/)_rels\/([^/]+)\.rels$/.exec(name) ?? [];
    if (!part) continue;
    for (const { target, type } of (await files.relationships(folder + part)).values())
      if (type === "image") (everyPage.test(part) ? around : within).add(target.toLowerCase());
  }
  return new Set([...around].filter((each) => !within.has(each)));
}
