import type { components } from "./schema";

type Schemas = components["schemas"];

export type System = Schemas["SystemOut"];
export type User = Schemas["UserOut"];
export type Session = Schemas["SessionOut"];
export type Vendor = Schemas["VendorOut"];
export type ProviderKey = Schemas["ProviderKeyOut"];
export type ProviderKeyIn = Schemas["ProviderKeyIn"];
export type ProviderKeyPatch = Schemas["ProviderKeyPatch"];
export type PersonaTemplate = Schemas["PersonaTemplateOut"];
export type BotIn = Schemas["BotIn"];
export type Bot = Schemas["BotOut"];
export type BotSummary = Schemas["BotSummary"];
export type BotPatch = Schemas["BotPatch"];
export type BotEvent = Schemas["BotEventOut"];
export type BotStats = Schemas["BotStatsOut"];
export type BotState = BotStatus["state"];
export type BotStatus = Schemas["BotStatus"];
export type BotToken = Schemas["BotTokenOut"];
export type BotTokenCreated = Schemas["BotTokenCreated"];
export type Usage = Schemas["UsageOut"];
export type UsageTotals = Schemas["UsageTotals"];
export type ApiToken = Schemas["ApiTokenOut"];
export type Check = Schemas["CheckOut"];
export type Orphan = Schemas["OrphanOut"];
export type Features = Schemas["Features"];
