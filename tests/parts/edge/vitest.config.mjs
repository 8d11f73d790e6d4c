// What runs in workerd itself (*.test.mjs), and what runs in node (*.node.test.mjs).
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

const resolve = { alias: { jose: fileURLToPath(import.meta.resolve("jose")) } };
const fromOutside = { server: { fs: { strict: false } } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ...fromOutside,
        plugins: [
          cloudflareTest({
            main: "./objects.mjs",
            miniflare: {
              compatibilityDate: "2026-10-01",
              durableObjects: Object.fromEntries(
                Object.entries({ TENANT_GATE: "TenantGate", POOL: "Pool", CALL_SESSION: "CallSession" }).map(([binding, className]) => [
                  binding,
                  { className, useSQLite: true },
                ]),
              ),
              kvNamespaces: ["PLANS"],
            },
          }),
        ],
        test: { name: "workerd", include: ["*.test.mjs"], exclude: ["*.node.test.mjs"], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      { resolve, ...fromOutside, test: { name: "node", include: ["*.node.test.mjs"], testTimeout: 90_000, hookTimeout: 60_000 } },
    ],
  },
});
