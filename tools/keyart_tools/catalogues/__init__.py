"""Catalogues from what a team has already: import, merge, check, and a sheet to look at.

    catalog_import                      titles of sources of any kind
    library_folder, nfo_film, nfo_xml   films with NFO files and artwork, as Kodi and Jellyfin keep them
    csv_catalog, tmdb_json, tagged_folder   the other sources
    title_facts, certification, artwork_files   what all sources share
    catalog_merge, catalog_check        two catalogues as one; what is missing in one
    artwork_sheet                       a contact sheet of titles and artworks

Tags follow `keyart_tools.vocabulary`.
"""

from keyart_federated.catalog_findings import CatalogFinding

from .catalog_check import check_catalog
from .catalog_import import KINDS, ImportResult, import_catalog
from .catalog_merge import CatalogMerge, merge_catalogs
from .import_issues import ImportIssue, ImportIssues

__all__ = [
    "KINDS",
    "CatalogFinding",
    "CatalogMerge",
    "ImportIssue",
    "ImportIssues",
    "ImportResult",
    "check_catalog",
    "import_catalog",
    "merge_catalogs",
]
