import { useQuery } from "@tanstack/react-query";
import type { Vendor } from "@/api";
import { i18n } from "@/lib/i18n";
import { vendorsQuery } from "./queries";

const ORDER = ["international", "cloud", "china", "other"];

/** Vendors for a select: grouped by category, in the catalogue's order. */
export function vendorOptions(vendors: readonly Vendor[]) {
  const categories = [...new Set([...ORDER, ...vendors.map((vendor) => vendor.category)])];
  return categories
    .map((category) => ({
      group: i18n.t(`vendorCategory.${category}`, { defaultValue: category }),
      items: vendors
        .filter((vendor) => vendor.category === category)
        .map((vendor) => ({ value: vendor.id, label: vendor.name })),
    }))
    .filter((group) => group.items.length > 0);
}

/** The name of a vendor, its id until the catalogue is there. */
export function useVendorName(): (id: string) => string {
  const vendors = useQuery(vendorsQuery).data;
  return (id) => vendors?.find((vendor) => vendor.id === id)?.name ?? id;
}

/** The vendor's own addresses, to pick a region or plan from; those with a place to fill in are left out. */
export function addressesOf(vendor: Vendor): string[] {
  return [...new Set(vendor.endpoints.map((one) => one.base_url))].filter((url) => !url.includes("{"));
}
