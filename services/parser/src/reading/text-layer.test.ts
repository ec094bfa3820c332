import { describe, expect, test } from "@jest/globals";
import { judgeTextLayer } from "./text-layer.js";

const prose =
  "The patient was seen in the clinic on the third of May with pain in the left knee. There was no swelling and the range of movement was full. Ibuprofen is to be taken with food for a week.";
const shifted = (text: string, by: number) =>
  Array.from(text, (each) => (each === " " ? each : String.fromCodePoint((each.codePointAt(0) ?? 0) + by))).join("");

describe("a page's text layer", () => {
  test.each([
    ["prose", prose],
    [
      "French",
      "Le patient a été vu en consultation pour une douleur de la hanche et il est sorti avec un traitement par voie orale.",
    ],
    [
      "Russian",
      "Пациент осмотрен в клинике, жалуется на боль в левом колене, отёка нет, движения в полном объёме, назначен ибупрофен.",
    ],
    [
      "a table of results",
      "Sodium 131 mmol/L 136-145 L\nPotassium 5.9 mmol/L 3.5-5.1 H\nCRP 12 mg/L < 5 H\nHb 9.1 g/dL 13-17 L\nWBC 7.2 10*9/L 4-11\n".repeat(
        3,
      ),
    ],
    [
      "Chinese results under the initials of their tests",
      Array.from(
        ["WBC", "LYMPH", "GRAN", "RDWC", "MCHC", "PLTS"],
        (name) => `白细胞计数测定结果 (${name}) 仪器法 ↑ 3.9 mmHg\n`,
      )
        .join("")
        .repeat(3),
    ],
    [
      "contents with leaders",
      "1 Introduction and aims ................................ 3\n2 Methods of the trial ................................ 12\n3 Results in all patients ................................ 40",
    ],
    [
      "bullets of a font of symbols",
      "\uf0b7 Apixaban 5 mg twice daily\n\uf0b7 Bisoprolol 2.5 mg once daily\n\uf0b7 Furosemide 40 mg in the morning and at noon",
    ],
    [
      "a list of medicines in capitals",
      "APIXABAN BISOPROLOL FUROSEMIDE SPIRONOLACTONE METFORMIN RAMIPRIL ATORVASTATIN ".repeat(2),
    ],
    [
      "short notes, parts of whose words are short words when they are shifted",
      "Chest pain stable\nExtremities: edema, no change\nStatus post stent\nAspirin daily\nDischarge home, stable\nAbdominal pain resolved\nExtremities warm\n".repeat(
        4,
      ),
    ],
  ])("%s is sound", (_what, text) => {
    expect(judgeTextLayer(text)).toBe("sound");
  });

  test.each([
    ["replaced characters", prose.replace(/[aeiou]/g, "\ufffd")],
    [
      "places for private use",
      prose.replace(/[a-m]/g, (letter) => String.fromCodePoint(0xf000 + letter.charCodeAt(0))),
    ],
    ["controls", prose.replace(/[etaoin]/g, "\u0003")],
    ["glyph numbers, shifted", shifted(prose, -29)],
    ["letters, shifted", shifted(prose, 3)],
    ["symbols", "!\"# $%&'() *+,-./ :;<=> ?@[\\ ]^_` {|}~ ".repeat(4)],
    ["words nobody can speak", "xkcd bcdf ghjk lmnp qrst vwxz ".repeat(5)],
  ])("%s are damage", (_what, text) => {
    expect(judgeTextLayer(text)).toBe("damaged");
  });

  test("a line is too little to be all of a scanned page", () => {
    expect(judgeTextLayer("Received 3 May 2025 14:02 page 1 of 3")).toBe("sparse");
  });
});
