/**
 * The best of some languages for whoever accepts these (RFC 9110, section 12.5.4); the first where none is.
 *
 * A range matches a language and what begins with it, so `es` and `es-MX` find each other.
 *
 * @param {string} accept the header Accept-Language
 * @param {string[]} offered in lower case, at least one
 */
export function bestLanguage(accept, offered) {
  const wanted = accept.split(",").flatMap((entry, place) => {
    const [range = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, "") ?? "1";
    if (!/^(\*|[a-z]{1,8}(-[a-z0-9]{1,8})*)$/.test(range) || !/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight)) return [];
    return [{ range, place, quality: Number(weight) }];
  });
  wanted.sort((one, other) => other.quality - one.quality || one.place - other.place);
  const refused = wanted.filter(({ quality }) => quality === 0).map(({ range }) => range);
  for (const { range, quality } of wanted) {
    const found = offered.find((language) => matches(range, language) && !refused.some((no) => no !== "*" && matches(no, language)));
    if (quality > 0 && found !== undefined) return found;
  }
  return offered[0] ?? "";
}

/**
 * @param {string} range
 * @param {string} language
 */
function matches(range, language) {
  return range === "*" || range === language || language.startsWith(`${range}-`) || range.startsWith(`${language}-`);
}
