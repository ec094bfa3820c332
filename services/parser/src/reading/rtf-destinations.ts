/** What a group is for: text, or something that is not shown. */
export type Destination =
  | "text"
  | "skip"
  | "instruction"
  | "formField"
  | "choice"
  | "fonts"
  | "styles"
  | "title"
  | "html"
  | "note"
  | "header"
  | "footer";

const byWord: Readonly<Record<string, Destination>> = {
  fonttbl: "fonts",
  stylesheet: "styles",
  title: "title",
  htmltag: "html",
  footnote: "note",
  annotation: "note",
  shptxt: "text",
  fldinst: "instruction",
  formfield: "formField",
  ffl: "choice",
  result: "text",
  header: "header",
  headerl: "header",
  headerr: "header",
  headerf: "header",
  footer: "footer",
  footerl: "footer",
  footerr: "footer",
  footerf: "footer",
};

const skipped = new Set(
  "colortbl pict objdata objclass objname nonshppict nonesttables sn sv atnid atnauthor atndate atnref xe tc rxe bkmkstart bkmkend filetbl listtable listoverridetable revtbl rsidtbl generator themedata datastore latentstyles author operator keywords comment company manager subject category doccomm creatim revtim printim buptim hlinkbase userprops datafield private falt panose".split(
    " ",
  ),
);
/** Marked as ignorable, with text in them nevertheless. */
const transparent = new Set("shpinst shppict nesttableprops info upr ud".split(" "));

/** What a control word at the beginning of a group within another makes of it; undefined where it makes nothing of it. */
export function destinationOf(word: string, isIgnorable: boolean, around: Destination): Destination | undefined {
  const own = byWord[word];
  // A field's instruction is of no interest but for what was ticked or chosen.
  if (around === "instruction") return own === "formField" ? own : isIgnorable ? "skip" : undefined;
  if (around === "formField") return own === "choice" ? own : isIgnorable ? "skip" : undefined;
  if (own) return own;
  if (skipped.has(word)) return "skip";
  return isIgnorable && !transparent.has(word) ? "skip" : undefined;
}

const charsets: Readonly<Record<number, string>> = {
  0: "windows-1252",
  77: "macintosh",
  128: "shift_jis",
  129: "euc-kr",
  130: "euc-kr",
  134: "gb18030",
  136: "big5",
  161: "windows-1253",
  162: "windows-1254",
  163: "windows-1258",
  177: "windows-1255",
  178: "windows-1256",
  186: "windows-1257",
  204: "windows-1251",
  222: "windows-874",
  238: "windows-1250",
};

/** The encoding of a font's characters; null: the document's. */
export function charsetEncoding(charset: number): string | null {
  return charsets[charset] ?? null;
}

const pages: Readonly<Record<number, string>> = {
  866: "ibm866",
  874: "windows-874",
  932: "shift_jis",
  936: "gb18030",
  949: "euc-kr",
  950: "big5",
  10000: "macintosh",
  20866: "koi8-r",
  21866: "koi8-u",
  28592: "iso-8859-2",
  28595: "iso-8859-5",
  54936: "gb18030",
  65001: "utf-8",
};

/** A Windows code page as a label for the decoder. */
export function pageEncoding(page: number): string {
  const known = pages[page];
  if (known) return known;
  return page >= 1250 && page <= 1258 ? `windows-${page}` : "windows-1252";
}
