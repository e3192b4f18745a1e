import { Table } from "@mantine/core";
import { useInViewport } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useVendorName } from "@/features/keys";
import { BotRow, type Choosing } from "./BotTable";
import { passes, type StateFilter } from "./filter";
import type { BotListPageData } from "./pages";
import { botPageQuery } from "./queries";

type Props = Choosing & {
  search: string;
  filter: StateFilter;
  cursor: string | null;
  page: BotListPageData;
  loadedAt: number;
};

/** One page of the list, polled for as long as some of it is on the screen. */
export function BotRows({ search, filter, cursor, page, loadedAt, chosen, choose }: Props) {
  const vendorName = useVendorName();
  const { ref, inViewport } = useInViewport<HTMLTableSectionElement>();
  useQuery({
    ...botPageQuery(search, cursor),
    enabled: inViewport,
    initialData: page,
    initialDataUpdatedAt: loadedAt,
  });
  return (
    <Table.Tbody ref={ref}>
      {page.items
        .filter((bot) => passes(filter, bot.status))
        .map((bot) => (
          <BotRow
            key={bot.id}
            bot={bot}
            vendors={bot.vendors.map(vendorName).join(", ")}
            chosen={chosen.has(bot.hostname)}
            choose={choose}
          />
        ))}
    </Table.Tbody>
  );
}
