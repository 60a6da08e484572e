// The one list of commands: a new one is its folder and its line here.
#include "skyfold/commands/command.hpp"

namespace skyfold {

// Declared here and in no header: only this list calls them.
std::unique_ptr<Command> make_aggregate_command();
std::unique_ptr<Command> make_import_command();
std::unique_ptr<Command> make_convert_config_command();
std::unique_ptr<Command> make_count_command();
std::unique_ptr<Command> make_curate_extract_command();
std::unique_ptr<Command> make_curate_ingest_command();
std::unique_ptr<Command> make_curate_merge_command();
std::unique_ptr<Command> make_curate_previews_command();
std::unique_ptr<Command> make_curate_register_command();
std::unique_ptr<Command> make_curate_release_command();
std::unique_ptr<Command> make_curate_run_command();
std::unique_ptr<Command> make_curate_status_command();
std::unique_ptr<Command> make_curate_suggest_command();
std::unique_ptr<Command> make_curate_transfer_command();
std::unique_ptr<Command> make_curate_verify_command();
std::unique_ptr<Command> make_export_command();
std::unique_ptr<Command> make_head_command();
std::unique_ptr<Command> make_info_command();
std::unique_ptr<Command> make_journal_command();
std::unique_ptr<Command> make_launch_command();
std::unique_ptr<Command> make_lightcurve_command();
std::unique_ptr<Command> make_locus_command();
std::unique_ptr<Command> make_locus_parameters_command();
std::unique_ptr<Command> make_map_cut_command();
std::unique_ptr<Command> make_map_info_command();
std::unique_ptr<Command> make_map_reorder_command();
std::unique_ptr<Command> make_map_ud_grade_command();
std::unique_ptr<Command> make_match_command();
std::unique_ptr<Command> make_mock_command();
std::unique_ptr<Command> make_nz_command();
std::unique_ptr<Command> make_patch_command();
std::unique_ptr<Command> make_pdf_convert_command();
std::unique_ptr<Command> make_pdf_report_command();
std::unique_ptr<Command> make_photoz_command();
std::unique_ptr<Command> make_pipeline_check_command();
std::unique_ptr<Command> make_pipeline_graph_command();
std::unique_ptr<Command> make_pipeline_report_command();
std::unique_ptr<Command> make_pipeline_status_command();
std::unique_ptr<Command> make_pipeline_add_command();
std::unique_ptr<Command> make_pipeline_emit_command();
std::unique_ptr<Command> make_pipeline_retry_command();
std::unique_ptr<Command> make_pipeline_run_command();
std::unique_ptr<Command> make_pipeline_run_event_command();
std::unique_ptr<Command> make_plan_command();
std::unique_ptr<Command> make_products_comment_command();
std::unique_ptr<Command> make_products_drop_command();
std::unique_ptr<Command> make_products_export_command();
std::unique_ptr<Command> make_products_gc_command();
std::unique_ptr<Command> make_products_list_command();
std::unique_ptr<Command> make_products_replay_command();
std::unique_ptr<Command> make_products_save_command();
std::unique_ptr<Command> make_products_show_command();
std::unique_ptr<Command> make_products_tree_command();
std::unique_ptr<Command> make_query_command();
std::unique_ptr<Command> make_rehearse_command();
std::unique_ptr<Command> make_sky_map_command();
std::unique_ptr<Command> make_spec_command();
std::unique_ptr<Command> make_schema_command();
std::unique_ptr<Command> make_sql_command();
std::unique_ptr<Command> make_status_command();
std::unique_ptr<Command> make_templates_check_command();
std::unique_ptr<Command> make_templates_list_command();
std::unique_ptr<Command> make_templates_plot_command();
std::unique_ptr<Command> make_train_command();
std::unique_ptr<Command> make_validate_command();

namespace {

using enum CommandEntry::Kind;

// In the order of a project, from tables to results; the help shows them so. "farms" starts MPI and gives a command the options of
// a run; "alone" does neither, since starting MPI takes longer than most of these commands do; "shares" and "spreads" start it
// under a launcher only.
constexpr CommandEntry commands[] = {
    {"import", "read tables and write a sky-ordered catalogue", "mpirun -n 4 skyfold import --input A.fits B.fits --output CAT.h5", farms,
     make_import_command},
    {"info", "describe a catalogue or product", "skyfold info --catalogue CAT.h5", alone, make_info_command},
    {"query", "find rows by place, condition or ids, and write them as a table",
     "skyfold query CAT.h5 --cone 10.68,41.27,1\\' --columns id,ra,dec", spreads, make_query_command},
    {"count", "count rows by place, condition or ids", "skyfold count CAT.h5 --where 'mag_i < 22'", alone, make_count_command},
    {"head", "show the first rows of a table", "skyfold head CAT.h5", alone, make_head_command},
    {"plan", "show the partitions and jobs that a run would have", "skyfold plan --catalogue CAT.h5 --ranks 16", alone, make_plan_command},
    {"rehearse", "predict how a run would go on other ranks, before asking for them", "skyfold rehearse --from Z.hdf5 --ranks 16,64,256",
     alone, make_rehearse_command},
    {"spec", "make one spectroscopic sample of several redshift surveys", "skyfold spec --surveys A.ini B.ini --output SPEC.h5", alone,
     make_spec_command},
    {"match", "match two tables, or a spectroscopic sample with a catalogue to make a training set",
     "mpirun -n 4 skyfold match --spec SPEC.h5 --catalogue CAT.h5 --output TRAIN.h5", farms, make_match_command},
    {"train", "train a photo-z model on objects with known redshift", "skyfold train --algorithms dnf --sample SPEC.fits --output MODEL.h5",
     shares, make_train_command},
    {"photoz", "estimate the redshift of every object of a catalogue",
     "mpirun -n 4 skyfold photoz --catalogue CAT.h5 --model MODEL.h5 --output Z.hdf5", farms, make_photoz_command},
    {"validate", "measure how good photo-z are on objects with known redshifts",
     "mpirun -n 4 skyfold validate --sample HELD.h5 --models A.h5,B.h5 --output V.h5", farms, make_validate_command},
    {"pdf convert", "turn a file of redshift PDFs into another form",
     "mpirun -n 4 skyfold pdf convert Z.pdf.hdf5 --representation packed --output P.pdf.hdf5", farms, make_pdf_convert_command},
    {"pdf report", "measure what redshift PDFs keep and cost in every form", "skyfold pdf report Z.pdf.hdf5", alone,
     make_pdf_report_command},
    {"nz", "measure the redshift distributions n(z) of a sample in tomographic bins",
     "mpirun -n 4 skyfold nz --pdf Z.pdf.hdf5 --bins 'z_phot: 0.2,0.43,0.63' --output N.hdf5", farms, make_nz_command},
    {"aggregate", "describe every object by its measurements: means, scatter, variability, motion, period",
     "mpirun -n 4 skyfold aggregate CAT.h5 --output A.h5", farms, make_aggregate_command},
    {"lightcurve", "show measurements of objects against time, with phases and pictures",
     "skyfold lightcurve CAT.h5 --id 9007199254741014 --fold auto --plot CURVE.svg", farms, make_lightcurve_command},
    {"locus parameters", "make parameter files and work units of a published list of targets or fields",
     "skyfold locus parameters --list LIST.csv --root DIR --instances 16 --output WORK/quasars", alone, make_locus_parameters_command},
    {"locus", "find the best pointing of a field of view about every target",
     "mpirun -n 4 skyfold locus --targets T.fits --catalogue STARS.h5 --output P.h5", farms, make_locus_command},
    {"patch", "measure sources on HEALPix maps", "mpirun -n 4 skyfold patch --maps MAP.fits --sources S.fits --output O.h5", farms,
     make_patch_command},
    {"sky-map", "make maps of the sky of counts, means and other statistics",
     "mpirun -n 4 skyfold sky-map CAT.h5 --nside 4096 --stat count,mean:mag_i --output MAP.h5", farms, make_sky_map_command},
    {"sql", "answer a query in SQL on catalogues and products", "skyfold sql CAT.h5 'SELECT avg(mag_i) FROM object'", alone,
     make_sql_command},
    {"schema", "show the tables, columns and relations of a catalogue, or the DDL of a database for them",
     "skyfold schema CAT.h5 --ddl postgres", alone, make_schema_command},
    {"export", "write a catalogue or product as Parquet files or as a HATS catalogue",
     "mpirun -n 4 skyfold export Z.hdf5 --format hats --output Z_hats", farms, make_export_command},
    {"convert-config", "turn a configuration of BPZ, LePhare or EAZY into one of train",
     "skyfold convert-config bpz.pars bpz.columns --output bpz.ini", alone, make_convert_config_command},
    {"templates list", "list spectra and filters", "skyfold templates list --filters lsst", alone, make_templates_list_command},
    {"templates check", "look for mistakes in spectra and filters",
     "skyfold templates check --templates MY.list --filters 'MY_{band}.res' --bands g,r,i", alone, make_templates_check_command},
    {"templates plot", "draw spectra, filters, and colours against redshift",
     "skyfold templates plot --filters lsst --sample SPEC.h5 --output T.svg", alone, make_templates_plot_command},
    {"map info", "describe a HEALPix map", "skyfold map info MAP.fits", alone, make_map_info_command},
    {"map reorder", "write a HEALPix map in the other numbering", "skyfold map reorder MAP.fits --to NESTED --output OUT.fits", alone,
     make_map_reorder_command},
    {"map ud-grade", "change the NSide of a HEALPix map", "skyfold map ud-grade MAP.fits --nside 256 --output OUT.fits", alone,
     make_map_ud_grade_command},
    {"map cut", "cut stamps of a HEALPix map around sources", "skyfold map cut MAP.fits --sources S.fits --output STAMPS.fits", alone,
     make_map_cut_command},
    {"mock", "make a synthetic survey", "mpirun -n 4 skyfold mock --objects 1000000 --seed 1 --output CAT.h5", farms, make_mock_command},
    {"curate transfer", "copy or link nights, with hashes and a manifest", "mpirun -n 2 skyfold curate transfer /mnt/nights NIGHTS",
     spreads, make_curate_transfer_command},
    {"curate run", "curate nights: register, extract and ingest metadata and detections",
     "mpirun -n 4 skyfold curate run NIGHTS --archive ARCHIVE", spreads, make_curate_run_command},
    {"curate register", "give the files of nights their ids in an archive", "mpirun -n 4 skyfold curate register NIGHTS --archive ARCHIVE",
     spreads, make_curate_register_command},
    {"curate extract", "extract what is registered, while another process ingests", "mpirun -n 4 skyfold curate extract --archive ARCHIVE",
     spreads, make_curate_extract_command},
    {"curate ingest", "take what is extracted into the database", "skyfold curate ingest --archive ARCHIVE --watch", alone,
     make_curate_ingest_command},
    {"curate status", "show chunks, use cases, files and failures of an archive", "skyfold curate status --archive ARCHIVE", alone,
     make_curate_status_command},
    {"curate release", "freeze an archive that is complete", "skyfold curate release --archive ARCHIVE", alone,
     make_curate_release_command},
    {"curate verify", "compare all that is archived with its hashes", "skyfold curate verify --archive ARCHIVE", alone,
     make_curate_verify_command},
    {"curate previews", "make JPEG pictures of the images of nights", "mpirun -n 2 skyfold curate previews NIGHTS --output PREVIEWS",
     spreads, make_curate_previews_command},
    {"curate merge", "make a catalogue of objects and their measurements of an archive's detections",
     "mpirun -n 2 skyfold curate merge --archive ARCHIVE --output CAT.h5", farms, make_curate_merge_command},
    {"curate suggest", "plan which rank does which of the tasks that wait", "skyfold curate suggest --archive ARCHIVE --output PLAN.txt",
     spreads, make_curate_suggest_command},
    {"pipeline check", "look for all that is wrong in a pipeline file", "skyfold pipeline check SURVEY.ini", alone,
     make_pipeline_check_command},
    {"pipeline status", "tell where a pipeline stands: a tree of its events and jobs, or a page",
     "skyfold pipeline status SURVEY.ini --failed", alone, make_pipeline_status_command},
    {"pipeline graph", "draw the steps, tasks and events of a pipeline, with what became of them",
     "skyfold pipeline graph SURVEY.ini --output G.svg", alone, make_pipeline_graph_command},
    {"pipeline report", "sum up what steps, tasks, users or machines of a pipeline have used",
     "skyfold pipeline report SURVEY.ini --by host", alone, make_pipeline_report_command},
    {"pipeline run", "bring a pipeline of commands and programs up to date", "skyfold pipeline run SURVEY.ini", joins,
     make_pipeline_run_command},
    {"pipeline retry", "do jobs of a pipeline again, and what came of them", "skyfold pipeline retry SURVEY.ini --failed", alone,
     make_pipeline_retry_command},
    {"pipeline add", "give a pipeline more targets", "skyfold pipeline add SURVEY.ini --targets MORE.csv", alone,
     make_pipeline_add_command},
    {"pipeline emit", "give out an event, from a program that a pipeline has started", "skyfold pipeline emit reduced brick=3", alone,
     make_pipeline_emit_command},
    {"pipeline run-event", "run the tasks of one event alone, for debugging", "skyfold pipeline run-event SURVEY.ini 17", alone,
     make_pipeline_run_event_command},
    {"products list", "list the products of a project", "skyfold products list", alone, make_products_list_command},
    {"products show", "tell all that is recorded of a product", "skyfold products show Z.hdf5 --verify", alone, make_products_show_command},
    {"products tree", "show what a product was made from, back to the first files", "skyfold products tree Z.hdf5", alone,
     make_products_tree_command},
    {"products comment", "add a comment to a product", "skyfold products comment Z.hdf5 'for the lensing paper'", alone,
     make_products_comment_command},
    {"products save", "keep a product, read-only", "skyfold products save Z.hdf5", alone, make_products_save_command},
    {"products drop", "remove a product that is not saved", "skyfold products drop Z.hdf5", alone, make_products_drop_command},
    {"products gc", "remove old products that are not saved", "skyfold products gc --older-than 30d", alone, make_products_gc_command},
    {"products replay", "make a product again and compare", "skyfold products replay Z.hdf5 -n 4", alone, make_products_replay_command},
    {"products export", "write the provenance of a product", "skyfold products export Z.hdf5 --format prov-json --to Z.prov.json", alone,
     make_products_export_command},
    {"launch", "run a command on MPI ranks, and start it again when it broke",
     "skyfold launch -n 4 -- photoz --catalogue CAT.h5 --model MODEL.h5 --output Z.hdf5", alone, make_launch_command},
    {"status", "tell how far a run is, or what became of it", "skyfold status Z.hdf5", alone, make_status_command},
    {"journal dump", "print the journal of a run as a table", "skyfold journal dump Z.hdf5", alone, make_journal_command},
};

}  // namespace

std::span<const CommandEntry> command_list() { return commands; }

}  // namespace skyfold
