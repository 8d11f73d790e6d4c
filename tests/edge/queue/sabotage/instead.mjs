// Puts twins in the place of modules: `node --import instead.mjs main.js` with INSTEAD='{"capped.js": "/path/of/its/twin"}'.
import { register } from "node:module";

const hooks = `
const instead = JSON.parse(process.env.INSTEAD);
export async function resolve(specifier, context, next) {
  const twin = instead[specifier.split("/").at(-1)];
  // A twin may build on what it replaces.
  return twin === undefined || context.parentURL === "file://" + twin ? next(specifier, context) : next("file://" + twin, context);
}
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: {} });
