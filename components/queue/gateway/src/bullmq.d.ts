// BullMQ's scripts, which it ships without types. Its version is pinned to the patch: they are none of its promises.
declare module "bullmq/dist/cjs/scripts/index.js" {
  export interface Script {
    name: string;
    content: string;
    keys: number;
  }
  const scripts: { addPrioritizedJob: Script; reprocessJob: Script };
  export default scripts;
}

declare module "bullmq/dist/cjs/version.js" {
  const made: { version: string };
  export default made;
}
