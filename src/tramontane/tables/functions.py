"""The functions that a question to tables may call: those that only compute from their arguments.

An allow-list: what is not here is refused, and so is whatever a later release of DuckDB brings.
Nothing here reads a file, a setting or another table, sleeps, or has a state. `NAMES` are
DuckDB's; `CLASSES` are what sqlglot makes of them (a test holds the two together).
"""

_NAMES = """
    abs acos acosh asin asinh atan atan2 atanh cbrt ceil ceiling cos cosh cot degrees even exp
    factorial floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
    least_common_multiple lgamma ln log log10 log2 mod pi pow power radians random round round_even
    sign signbit sin sinh sqrt tan tanh trunc xor

    any_value approx_count_distinct approx_quantile arg_max arg_max_null arg_min arg_min_null
    argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
    count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean
    group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean
    median min min_by mode percentile_cont percentile_disc product quantile quantile_cont
    quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum
    sumkahan sum_no_overflow var_pop var_samp variance grouping grouping_id

    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank
    row_number

    array_extract ascii bar bit_count bit_length char_length character_length chr concat concat_ws
    contains damerau_levenshtein editdist3 ends_with format formatreadablesize hamming hash
    instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme len
    length length_grapheme levenshtein lower lpad ltrim md5 nfc_normalize not_ilike_escape ord
    overlay position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match
    regexp_matches regexp_replace regexp_split_to_array repeat replace reverse right right_grapheme
    rpad rtrim sha256 split split_part starts_with str_split str_split_regex string_split
    string_split_regex string_to_array strip_accents strlen strpos substr substring
    substring_grapheme suffix translate trim ucase unicode upper

    age century current_date current_time current_timestamp date date_add date_diff date_part
    date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek
    dayofyear decade epoch epoch_ms epoch_us era extract get_current_timestamp hour isodow isoyear
    julian last_day localtime localtimestamp make_date make_time make_timestamp microsecond
    millennium millisecond minute month monthname now quarter second strftime strptime time_bucket
    to_centuries to_days to_decades to_hours to_milliseconds to_minutes to_months to_quarters
    to_seconds to_timestamp to_weeks to_years today try_strptime week weekday weekofyear year
    yearweek

    case cast coalesce if ifnull nullif try try_cast typeof constant_or_null
    columns

    array_aggregate array_append array_cat array_concat array_contains array_distinct array_has
    array_has_all array_has_any array_indexof array_length array_position array_prepend
    array_slice array_sort array_to_string array_unique cardinality element_at flatten
    generate_series list_aggregate list_append list_avg list_cat list_concat list_contains
    list_count list_distinct list_element list_extract list_filter list_has list_has_all
    list_has_any list_indexof list_max list_median list_min list_position list_prepend list_reduce
    list_reverse list_reverse_sort list_slice list_sort list_sum list_transform list_unique
    list_value list_zip map map_entries map_extract map_from_entries map_keys map_values range row
    struct_extract struct_pack unnest

    json_array_length json_contains json_extract json_extract_string json_keys json_type json_valid
"""
_CLASSES = """
    Abs Acos Acosh And AnyValue ApproxDistinct ApproxQuantile ArgMax ArgMin Array ArrayAgg
    ArrayAppend ArrayConcat ArrayContains ArrayContainsAll ArrayDistinct ArrayFilter ArrayMax
    ArrayMin ArrayOverlaps ArrayPosition ArrayPrepend ArraySize ArraySlice ArraySort
    ArrayToString Ascii Asin Asinh Atan Atan2 Atanh Avg BitLength BitwiseAndAgg BitwiseOrAgg
    BitwiseXorAgg Case Cast Cbrt Ceil Chr Coalesce Columns Concat ConcatWs Contains Corr Cos
    Cosh Cot Count CountIf CovarPop CovarSamp CumeDist CurrentDate CurrentTime CurrentTimestamp
    Date DateAdd DateBin DateDiff DateFromParts Day DayOfMonth DayOfWeek DayOfWeekIso DayOfYear
    Dayname Degrees DenseRank EndsWith Exists Exp Explode Extract Factorial First FirstValue
    Flatten Floor Format GenerateSeries Greatest GroupConcat Grouping GroupingId Hour If IsInf
    IsNan JSONExtract JSONExtractScalar JSONKeys JSONType JarowinklerSimilarity Kurtosis Lag
    Last LastDay LastValue Lead Least Left Length Levenshtein Ln Localtime Localtimestamp Log
    LogicalAnd LogicalOr Lower MD5 Map MapFromEntries MapKeys Max Median Min Minute Mode Month
    Monthname NthValue Ntile Nullif Or Overlay Pad PercentRank PercentileCont PercentileDisc Pi
    Pow Quantile Quarter Radians Rand Rank RegexpExtract RegexpExtractAll RegexpFullMatch
    RegexpLike RegexpReplace RegexpSplit RegrAvgx RegrAvgy RegrCount RegrIntercept RegrR2
    RegrSlope RegrSxx RegrSxy RegrSyy Repeat Replace Reverse Right Round RowNumber SHA2 Second
    Sign Sin Sinh Skewness Split SplitPart Sqrt StartsWith Stddev StddevPop StddevSamp
    StrPosition StrToTime Struct StructExtract Substring Sum Tan Tanh TimeFromParts TimeToStr
    TimeToUnix TimestampFromParts TimestampTrunc ToDays ToMap Transform Translate Trim Trunc Try
    TryCast Typeof Unicode UnixToTime Unnest Upper Variance VariancePop Week WeekOfYear Year
"""

NAMES = frozenset(_NAMES.split())
CLASSES = frozenset(_CLASSES.split())
TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
