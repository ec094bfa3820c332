import { expect, it } from "@jest/globals";
import { isPublicAddress } from "./addresses.js";

it.each(["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])("takes %s for public", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

it.each([
  "127.0.0.1",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "255.255.255.255",
  "224.0.0.1",
  "::1",
  "::",
  "fe80::1",
  "fc00::1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
  "64:ff9b::a00:1",
  "2002:7f00:1::",
  "ff02::1",
  "localhost",
  "",
])("takes %s for private", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});
