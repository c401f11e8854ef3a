"""man_page: docs/ashlar.3 from docs/ashlar.3.in, which has the prose, and the tables of options and
controls; used by gen-docs."""


def roff(text):
    """Plain text as roff: no escape, no request, and dashes that can be pasted into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return "\\&" + text if text[:1] in (".", "'") else text


def emphasised(text):
    """The remarks that the other documents set between asterisks lose them."""
    return text.replace("*", "")


def options(lines):
    text = ""
    ignored = {"m": ".SS Options without a meaning here, and why\n",
               "b": ".SS Options of parts that are not built\n"}
    for _, name, default, accepted, flags, meaning in lines:
        apart = [letter for letter in ignored if letter in flags]
        if apart:
            ignored[apart[0]] += f".TP\n.BI {roff(name)} : value\n{roff(meaning)}\n"
            continue
        values = accepted + (" (clipped)" if "c" in flags else "") + \
            (" (raised)" if "r" in flags else "")
        shown = "" if "n" in flags or not default else f"; default {default}"
        text += f".TP\n.BI {roff(name)} : value\n{roff(meaning)}\nAccepts {roff(values + shown)}.\n"
    return text + ignored["m"] + ignored["b"]


def controls(lines):
    text = ""
    section = None
    for name, kind, access, flags, meaning in lines:
        first = name.split(".")[0] if "." in name else "General"
        if first != section:
            section = first
            text += f".SS {roff(section)}\n"
        remarks = [remark for letter, remark in
                   (("n", "Not built: ENOENT."), ("i", "Internal."), ("e", "Experimental."),
                    ("o", "Not a control of jemalloc.")) if letter in flags]
        text += f".TP\n.BR {roff(name)} \" ({roff(kind)}) {roff(access)}\"\n"
        text += f"{roff(emphasised(' '.join([meaning, *remarks])))}\n"
    return text


def man_page(template, option_lines, control_lines):
    return template.replace("@OPTIONS@\n", options(option_lines)).replace(
        "@CONTROLS@\n", controls(control_lines))
