import { describe, expect, test } from "@jest/globals";
import { createCanvas } from "@napi-rs/canvas";
import { decodePicture } from "./decode.js";
import { createGrey, type Grey, orient, resize, turn } from "./grey.js";

/** Black at the left, white at the right. */
function halves(width: number, height: number) {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "black";
  context.fillRect(0, 0, width / 2, height);
  return canvas;
}

/** The same JPEG with an EXIF that says how the camera was held. */
function held(jpeg: Buffer, orientation: number): Buffer {
  const exif = Buffer.from("4578696600004d4d002a0000000800010112000300000001000000000000", "hex");
  exif.writeUInt16BE(orientation, exif.length - 6);
  const segment = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), segment, exif, jpeg.subarray(2)]);
}

const shade = ({ data, width }: Grey, x: number, y: number) =>
  (data[y * width + x] ?? Number.NaN) < 128 ? "black" : "white";

describe("pictures", () => {
  test("a JPEG stands as its EXIF says", async () => {
    const jpeg = halves(40, 20).toBuffer("image/jpeg");
    const upright = await decodePicture(jpeg, 10_000);
    expect([upright.width, upright.height, shade(upright, 2, 10), shade(upright, 37, 10)]).toEqual([
      40,
      20,
      "black",
      "white",
    ]);
    const right = await decodePicture(held(jpeg, 6), 10_000);
    expect([right.width, right.height, shade(right, 10, 2), shade(right, 10, 37)]).toEqual([20, 40, "black", "white"]);
    const over = await decodePicture(held(jpeg, 3), 10_000);
    expect([over.width, shade(over, 2, 10), shade(over, 37, 10)]).toEqual([40, "white", "black"]);
  });

  test("what is transparent is paper", async () => {
    const canvas = createCanvas(4, 4);
    expect([...(await decodePicture(canvas.toBuffer("image/png"), 100)).data]).toEqual(Array(16).fill(255));
  });

  test("a bomb is refused by its head", async () => {
    const png = halves(4, 4).toBuffer("image/png");
    png.writeUInt32BE(50_000, 16);
    png.writeUInt32BE(50_000, 20);
    await expect(decodePicture(png, 80_000_000)).rejects.toMatchObject({ code: "limit_pixels" });
  });

  test("a picture without pixels is damaged, one that is cut off is read as far as it goes", async () => {
    const png = halves(400, 400).toBuffer("image/png");
    await expect(decodePicture(png.subarray(0, 40), 1_000_000)).rejects.toMatchObject({ code: "document_corrupt" });
    const jpeg = halves(400, 400).toBuffer("image/jpeg");
    const cut = await decodePicture(jpeg.subarray(0, jpeg.length - 400), 1_000_000);
    expect([cut.width, cut.height, shade(cut, 10, 10)]).toEqual([400, 400, "black"]);
    await expect(decodePicture(jpeg.subarray(0, 200), 1_000_000)).rejects.toMatchObject({ code: "document_corrupt" });
  });
});

describe("grey", () => {
  const picture: Grey = { width: 3, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };

  test("turns clockwise", () => {
    expect([...turn(picture, 90).data]).toEqual([4, 1, 5, 2, 6, 3]);
    expect([...turn(picture, 180).data]).toEqual([6, 5, 4, 3, 2, 1]);
    expect([...turn(picture, 270).data]).toEqual([3, 6, 2, 5, 1, 4]);
  });

  test.each([
    [1, [1, 2, 3, 4, 5, 6]],
    [2, [3, 2, 1, 6, 5, 4]],
    [3, [6, 5, 4, 3, 2, 1]],
    [4, [4, 5, 6, 1, 2, 3]],
    [5, [1, 4, 2, 5, 3, 6]],
    [6, [4, 1, 5, 2, 6, 3]],
    [7, [6, 3, 5, 2, 4, 1]],
    [8, [3, 6, 2, 5, 1, 4]],
  ])("is shown in orientation %i", (orientation, data) => {
    expect([...orient(picture, orientation).data]).toEqual(data);
  });

  test("is scaled each way by itself", () => {
    const square: Grey = { width: 2, height: 2, data: Uint8Array.of(0, 100, 200, 100) };
    expect([...resize(square, 1, 1).data]).toEqual([100]);
    expect([...resize(square, 2, 1).data]).toEqual([100, 100]);
    expect([...resize(square, 2, 4).data]).toEqual([0, 100, 50, 100, 150, 100, 200, 100]);
    expect(resize(createGrey(7, 5), 20, 3)).toMatchObject({ width: 20, height: 3 });
  });
});
