import { ScrollArea } from "@mantine/core";
import { IconTerminal } from "@tabler/icons-react";
import type { Ref, UIEvent } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "@/components";
import classes from "./LogText.module.css";

type Props = {
  lines: readonly string[];
  wrap?: boolean;
  viewportRef?: Ref<HTMLDivElement>;
  onScroll?: (event: UIEvent<HTMLDivElement>) => void;
};

export function LogText({ lines, wrap = true, viewportRef, onScroll }: Props) {
  const { t } = useTranslation();
  if (lines.length === 0) return <EmptyState icon={<IconTerminal />} title={t("logs.empty")} />;
  return (
    <ScrollArea.Autosize
      mah="60vh"
      className={classes.log}
      viewportRef={viewportRef}
      viewportProps={{
        tabIndex: 0,
        role: "log",
        "aria-label": t("bots.tabs.logs"),
        "aria-live": "off",
        onScroll,
      }}
    >
      <pre className={classes.lines} data-wrap={wrap || undefined}>
        {lines.join("\n")}
      </pre>
    </ScrollArea.Autosize>
  );
}
