import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";
import { rawPdf } from "../testing/pdf-files.js";

const pdf = rawPdf(["<</Type/Catalog/Pages 2 0 R>>", `<</Type/Pages/Count 0/Kids[]/Note(${"x".repeat(900)})>>`]);
const encoded = pdf.toString("base64");
const third = Math.ceil(encoded.length / 12) * 4;
const cut = [0, 1, 2].map((part) => encoded.slice(part * third, (part + 1) * third));
const message = (...observations: string[]) =>
  parseBytes(["MSH|^~\\&|LAB|HOSP|||20240102||ORU^R01|1|P|2.5.1", "OBR|1||F1|R^Report", ...observations].join("\r"));
const obx = (type: string, value: string, number = 1, name = "PDF^Report") =>
  `OBX|${number}|${type}|${name}|1|${value}||||||F`;

describe("HL7 v2", () => {
  test.each([
    ["as a string", obx("ST", encoded), null],
    ["as text with its type", obx("TX", `^application^pdf^Base64^${encoded}`), "application/pdf"],
    ["as text that is broken into lines", obx("FT", cut.join("\\.br\\")), null],
  ])("a document that is sent %s is a document", async (_how, segment, declaredType) => {
    const { children, text, facts } = await message(segment);
    expect(children.map(({ bytes, declaredType }) => [bytes.equals(pdf), declaredType])).toEqual([
      [true, declaredType],
    ]);
    expect(text).not.toContain("JVBERi");
    expect(facts).toEqual([]);
  });

  test.each([
    ["its base64 in several segments", cut.map((part, at) => obx("ED", `^AP^PDF^Base64^${part}`, at + 1))],
    ["named in the first alone", cut.map((part, at) => obx("ED", `${at ? "^^^^" : "^AP^PDF^Base64^"}${part}`, at + 1))],
    ["as lines of text", cut.map((part, at) => obx("TX", part, at + 1))],
    [
      "each part of the file encoded by itself",
      [pdf.subarray(0, 400), pdf.subarray(400, 700), pdf.subarray(700)].map((part, at) =>
        obx("ED", `^AP^PDF^Base64^${part.toString("base64")}`, at + 1),
      ),
    ],
  ])("a document that was cut is whole again: %s", async (_how, segments) => {
    const { children, summary } = await message(...segments, "OBX|9|NM|K^Potassium||4.1");
    expect(children.map(({ bytes }) => bytes.equals(pdf))).toEqual([true]);
    expect(summary.warnings).toEqual([]);
  });

  test("the places of what follows a cut document are those of the message", async () => {
    const { facts } = await message(...cut.map((part, at) => obx("TX", part, at + 1)), "OBX|4|NM|K^Potassium||4.1");
    expect(facts).toMatchObject([{ text: "Potassium", source: "OBX[4]" }]);
  });

  test.each([
    ["two whole ones", [encoded, encoded]],
    ["one that lacks its end and a whole one", [cut[0] ?? "", encoded]],
  ])("documents of one name stay apart: %s", async (_what, values) => {
    const { children } = await message(...values.map((value, at) => obx("ED", `^AP^PDF^Base64^${value}`, at + 1)));
    expect(children.map(({ bytes }) => bytes.toString("base64"))).toEqual(values);
  });

  test("another document's name, or text behind one, ends it", async () => {
    const others = [obx("ED", `^AP^PDF^Base64^${cut[1]}`, 2, "IMG^Picture"), obx("ED", "^TEXT^^A^Seen.", 3)];
    const { children, text } = await message(obx("ED", `^AP^PDF^Base64^${cut[0]}`), ...others);
    expect(children).toHaveLength(2);
    expect(text).toContain("Seen.");
  });

  test.each([["Nopneumothorax".repeat(9)], ["The patient is well and goes home with no new medication ".repeat(3)]])(
    "words are no document",
    async (words) => {
      const { children, text } = await message(obx("TX", words), obx("TX", words, 2));
      expect(children).toEqual([]);
      expect(text).toContain(words.trim());
    },
  );

  test("a report about another patient inside a message calls for a look", async () => {
    const pid = "PID|1||123^^^HOSP^MR||DOE^JANE||19700101|F";
    const report = (dob: string) => [pid, `OBX|1|TX|R^Report||Patient seen on the ward. DOB: ${dob}`];
    const codes = async (dob: string) => (await message(...report(dob))).summary.warnings.map(({ code }) => code);
    expect(await codes("02/03/1944")).toEqual(["identity_conflict"]);
    expect(await codes("01/01/1970")).toEqual([]);
  });
});
