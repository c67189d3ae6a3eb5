import { describe, expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { parseKeyTemplate } from "../../src/key-template.ts";

describe("a key template", () => {
  it.each<[string, unknown[], string]>([
    ["nightly", [], "nightly"],
    ["order:{0}", ["17"], "order:17"],
    ["{0}", ["a:b"], "a:b"],
    ["{1}:{0}:{1}", ["a", "b"], "b:a:b"],
    ["user:{1.name}", [0, { name: "ada" }], "user:ada"],
    ["{0.a.b.c}", [{ a: { b: { c: "deep" } } }], "deep"],
    ["{0.1}", [["a", "b"]], "b"],
    ["{0.sku-id}", [{ "sku-id": "x" }], "x"],
    ["{0}", [0], "0"],
    ["{0}", [-1.5], "-1.5"],
    ["{0}", [2n ** 70n], String(2n ** 70n)],
    ["{0}:{1}", [true, false], "true:false"],
    ["{0}", ["{1}"], "{1}"],
    ["{0}{1}", ["", "x"], "x"],
  ])("%s with %o names %s", (template, args, key) => {
    expect(parseKeyTemplate(template)(args)).toBe(key);
  });

  it("reads properties that a class inherits", () => {
    class Order {
      get id(): string {
        return "17";
      }
    }
    expect(parseKeyTemplate("{0.id}")([new Order()])).toBe("17");
  });

  it.each<[string, string, unknown[], string]>([
    ["a missing argument", "order:{0}", [], "{0}"],
    ["an undefined argument", "order:{0}", [undefined], "{0}"],
    ["null", "order:{0}", [null], "{0}"],
    ["a missing property", "{0}:{1.name}", ["a", {}], "{1.name}"],
    ["an undefined property", "{1.name}", ["a", { name: undefined }], "{1.name}"],
    ["a property of undefined", "{0.a.b}", [{}], "{0.a.b}"],
    ["a property of null", "{0.a.b}", [{ a: null }], "{0.a.b}"],
    ["a property of a string", "{0.length}", ["text"], "{0.length}"],
    ["an object", "{0}", [{ id: 1 }], "{0}"],
    ["an array", "{0}", [["a"]], "{0}"],
    ["a date", "{0}", [new Date()], "{0}"],
    ["a function", "{0}", [() => "a"], "{0}"],
    ["a symbol", "{0}", [Symbol("a")], "{0}"],
    ["NaN", "{0}", [Number.NaN], "{0}"],
    ["Infinity", "{0}", [Infinity], "{0}"],
  ])("refuses %s, and names the placeholder", (_, template, args, placeholder) => {
    const fill = parseKeyTemplate(template);
    const error = thrownBy(() => fill(args));
    expect(error).toBeInstanceOf(LockConfigurationError);
    expect(error).toMatchObject({ option: "key" });
    expect(String(error)).toContain(`${placeholder} of `);
  });

  it.each(["{}", "{id}", "{0", "0}", "{{0}}", "{0.}", "{0..a}", "{ 0 }", "{-1}", "{0.a b}"])(
    "%s is refused when it is parsed",
    (template) => {
      const error = thrownBy(() => parseKeyTemplate(`order:${template}`));
      expect(error).toMatchObject({ code: "LOCK_CONFIGURATION", option: "key" });
    },
  );

  it.each([
    ["the empty text", ""],
    ["a NUL", "a\0b"],
    ["a number", 7],
    ["nothing", undefined],
  ])("%s is refused when it is parsed", (_, template) => {
    expect(thrownBy(() => parseKeyTemplate(template))).toMatchObject({ option: "key" });
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
